#include "stele/postgres/connect_options.h"

#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "one_line.h"

namespace stele::postgres {
namespace {

using Settings = std::map<std::string, std::string>;

absl::StatusOr<Settings> Parse(const std::string& dsn) {
  if (dsn.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        "the database connection string contains a NUL byte");
  }
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(dsn.c_str(), &error), &PQconninfoFree);
  if (parsed == nullptr) {
    const std::string why = error == nullptr ? "out of memory" : error;
    PQfreemem(error);
    // The text itself is left out: it may hold a password.
    return absl::InvalidArgumentError(absl::StrCat(
        "the database connection string is malformed: ", OneLine(why),
        "; write it like \"dbname=orders\" or "
        "\"postgresql://user@host/orders\""));
  }
  Settings settings;
  for (const PQconninfoOption* o = parsed.get(); o->keyword != nullptr; ++o) {
    if (o->val != nullptr) settings.emplace(o->keyword, o->val);
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
