#include "stele/postgres/connect_options.h"

#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "stele/base/strings.h"

namespace stele::postgres {
namespace {

using Settings = std::map<std::string, std::string>;

bool IsUri(std::string_view dsn) {
  return absl::StartsWith(ToAbsl(dsn), "postgresql://") ||
         absl::StartsWith(ToAbsl(dsn), "postgres://");
}

// The text itself is left out, and what libpq says of it, which repeats pieces:
// any of them may be of a password.
absl::Status Malformed(const std::string& dsn, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the database connection string is malformed: ", ToAbsl(what),
      IsUri(dsn)
          ? "; write it like \"postgresql://user@host/orders\", and in a "
            "name or password %40 for @, %2F for /, %3A for : and %25 "
            "for %"
          : "; write it like \"host=db dbname=orders\", with values in "
            "single quotes that hold spaces, or like "
            "\"postgresql://user@host/orders\""));
}

// Whether an @ stands where host, port or database are looked for: most likely
// that of a password with a / or @ before it.
bool HasStrayAt(std::string_view uri) {
  std::string_view rest = uri.substr(uri.find("://") + 3);
  const std::size_t end = rest.find_first_of("@/");
  if (end == std::string_view::npos) return false;
  rest.remove_prefix(end + 1);
  return rest.substr(0, rest.find('?')).find('@') != std::string_view::npos;
}

// One for each host, or none.
bool ArePorts(const std::string& list) {
  for (const absl::string_view port : absl::StrSplit(list, ',')) {
    int number = 0;
    if (port.empty()) continue;
    if (!absl::SimpleAtoi(port, &number) || number < 1 || number > 65535) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<Settings> Parse(const std::string& dsn) {
  if (dsn.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        "the database connection string contains a NUL byte");
  }
  if (IsUri(dsn) && HasStrayAt(dsn)) {
    return Malformed(dsn, "an @ stands in its host or path");
  }
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(dsn.c_str(), nullptr), &PQconninfoFree);
  if (parsed == nullptr) {
    return Malformed(dsn, IsUri(dsn) ? "it is no URI that libpq understands"
                                     : "it is no list of name=value with names "
                                       "that libpq knows");
  }
  Settings settings;
  for (const PQconninfoOption* o = parsed.get(); o->keyword != nullptr; ++o) {
    if (o->val != nullptr) settings.emplace(o->keyword, o->val);
  }
  if (const auto port = settings.find("port");
      port != settings.end() && !ArePorts(port->second)) {
    return Malformed(dsn, "its port is no number from 1 to 65535");
  }
  return settings;
}

std::string QuoteValue(const std::string& value) {
  return absl::StrCat(
      "'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// Probes from half the time on, of which three go unanswered, and as long for
// what was sent and not acknowledged.
void AddNetworkTimeout(Settings& settings, absl::Duration timeout) {
  if (timeout <= absl::ZeroDuration()) return;
  const auto seconds = [](absl::Duration duration) {
    return absl::StrCat(
        std::max<std::int64_t>(1, absl::ToInt64Seconds(duration)));
  };
  settings.emplace("keepalives_idle", seconds(timeout / 2));
  settings.emplace("keepalives_interval", seconds(timeout / 6));
  settings.emplace("keepalives_count", "3");
  settings.emplace("tcp_user_timeout",
                   absl::StrCat(absl::ToInt64Milliseconds(timeout)));
}

void AppendTimeout(std::string& sql, const char* name, absl::Duration bound) {
  if (bound <= absl::ZeroDuration()) return;
  absl::StrAppend(&sql, "SET ", name, " = ",
                  std::max<std::int64_t>(1, absl::ToInt64Milliseconds(bound)),
                  ";");
}

}  // namespace

absl::Status ValidateDsn(const std::string& dsn) { return Parse(dsn).status(); }

absl::StatusOr<std::string> FullDsn(const ConnectOptions& options) {
  absl::StatusOr<Settings> settings = Parse(options.dsn);
  if (!settings.ok()) return settings.status();
  settings->emplace("application_name", options.application_name);
  const std::int64_t seconds =
      std::max<std::int64_t>(1, absl::ToInt64Seconds(options.connect_timeout));
  settings->emplace("connect_timeout", absl::StrCat(seconds));
  settings->emplace("client_encoding", "UTF8");
  AddNetworkTimeout(*settings, options.network_timeout);
  std::string dsn;
  for (const auto& [name, value] : *settings) {
    absl::StrAppend(&dsn, dsn.empty() ? "" : " ", name, "=", QuoteValue(value));
  }
  return dsn;
}

std::string SessionSql(const ConnectOptions& options) {
  // What correctness rests on is not left to the server's defaults: each
  // statement sees what was committed before it, and an acknowledged commit is
  // on disk.
  std::string sql =
      "SET standard_conforming_strings = on;"
      "SET default_transaction_isolation = 'read committed';"
      "SET default_transaction_read_only = off;"
      "SET default_transaction_deferrable = off;"
      "DO $$ BEGIN IF current_setting('synchronous_commit') = 'off' THEN "
      "SET synchronous_commit = on; END IF; END $$;"
      // Whoever waits no longer closes the connection: then the server gives
      // up, too, also in the middle of a statement. Not all systems can tell.
      "DO $$ BEGIN SET client_connection_check_interval = '1s'; "
      "EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$;";
  AppendTimeout(sql, "statement_timeout", options.statement_timeout);
  AppendTimeout(sql, "lock_timeout", options.lock_timeout);
  AppendTimeout(sql, "idle_in_transaction_session_timeout",
                options.idle_in_transaction_timeout);
  sql += options.session_sql;
  return sql;
}

}  // namespace stele::postgres
