#include "stele/postgres/errors.h"

#include <cxxabi.h>

#include <exception>
#include <new>
#include <pqxx/except>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "one_line.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::postgres {
namespace {

constexpr char kRolledBack[] = "stele.postgres.rolled_back";

absl::StatusCode CodeOf(std::string_view sqlstate) {
  struct Rule {
    std::string_view prefix;
    absl::StatusCode code;
  };
  // The first that fits; longer ones before their class.
  static constexpr Rule kRules[] = {
      {"40001", absl::StatusCode::kAborted},
      {"40P01", absl::StatusCode::kAborted},
      {"57014", absl::StatusCode::kDeadlineExceeded},
      {"55P03", absl::StatusCode::kDeadlineExceeded},
      {"25006", absl::StatusCode::kUnavailable},
      {"25P03", absl::StatusCode::kUnavailable},
      {"55000", absl::StatusCode::kFailedPrecondition},
      {"42P01", absl::StatusCode::kFailedPrecondition},
      {"42883", absl::StatusCode::kFailedPrecondition},
      {"3F000", absl::StatusCode::kFailedPrecondition},
      {"42P07", absl::StatusCode::kFailedPrecondition},
      {"42710", absl::StatusCode::kFailedPrecondition},
      {"42723", absl::StatusCode::kFailedPrecondition},
      {"42501", absl::StatusCode::kPermissionDenied},
      {"23505", absl::StatusCode::kAlreadyExists},
      {"XX001", absl::StatusCode::kDataLoss},
      {"XX002", absl::StatusCode::kDataLoss},
      {"08", absl::StatusCode::kUnavailable},
      {"53", absl::StatusCode::kUnavailable},
      {"57", absl::StatusCode::kUnavailable},
      {"22", absl::StatusCode::kInvalidArgument},
      {"23", absl::StatusCode::kInvalidArgument},
  };
  for (const Rule& rule : kRules) {
    if (sqlstate.substr(0, rule.prefix.size()) == rule.prefix) return rule.code;
  }
  return absl::StatusCode::kInternal;
}

// Of a table, a type or the like, a function.
bool IsNameTaken(std::string_view sqlstate) {
  return sqlstate == "42P07" || sqlstate == "42710" || sqlstate == "42723";
}

// What to do about it, where we know.
std::string_view HintFor(std::string_view sqlstate) {
  if (sqlstate == "53100") return "; the server's disk is full: make room";
  if (sqlstate == "53300") {
    return "; lower the number of connections or raise max_connections";
  }
  if (sqlstate == "25006") {
    return "; this server is a standby: connect to the primary; or "
           "default_transaction_read_only is on: turn it off";
  }
  if (sqlstate == "25P02") {
    return "; an earlier statement of the transaction failed: return its error";
  }
  if (IsNameTaken(sqlstate)) return "; something else has that name";
  if (sqlstate == "42501") {
    return "; use a role that owns the schema, or is a member of its owner";
  }
  if (sqlstate != "55000" &&
      CodeOf(sqlstate) == absl::StatusCode::kFailedPrecondition) {
    return "; if this is a table of Stele's, run `stele migrate --schema NAME` "
           "for its schema";
  }
  return "";
}

// The SQLSTATE of what libpqxx threw; "" if there is none. Version 6 keeps it
// for most of its classes, but not for a missing right.
std::string SqlstateOf(const pqxx::sql_error& e) {
  if (!e.sqlstate().empty()) return e.sqlstate();
  const bool is_denied =
      dynamic_cast<const pqxx::insufficient_privilege*>(&e) != nullptr;
  return is_denied ? "42501" : "";
}

}  // namespace

absl::Status StatusFromSqlstate(std::string_view doing,
                                std::string_view sqlstate,
                                std::string_view message) {
  std::string text = absl::StrCat(ToAbsl(doing), ": ", OneLine(message));
  if (!sqlstate.empty()) {
    absl::StrAppend(&text, " (", ToAbsl(sqlstate), ")",
                    ToAbsl(HintFor(sqlstate)));
  }
  absl::Status status(CodeOf(sqlstate), text);
  if (status.code() == absl::StatusCode::kAborted) {
    status.SetPayload(kRolledBack, absl::Cord("1"));
  }
  return status;
}

bool IsRolledBack(const absl::Status& status) {
  return status.GetPayload(kRolledBack).has_value();
}

absl::Status StatusFromException(std::string_view doing) {
  const auto because = [doing](const std::exception& e) {
    return absl::StrCat(ToAbsl(doing), ": ", OneLine(e.what()));
  };
  // From the most to the least specific. In doubt comes first: taking it for a
  // plain rollback, which statement_completion_unknown derives from, would make
  // us append twice.
  try {
    throw;
  } catch (const abi::__forced_unwind&) {
    throw;  // The thread is being cancelled; swallowing this would abort.
  } catch (const pqxx::in_doubt_error& e) {
    return InDoubtError(ToStd(because(e)));
  } catch (const pqxx::statement_completion_unknown& e) {
    return InDoubtError(ToStd(because(e)));
  } catch (const pqxx::serialization_failure& e) {
    return StatusFromSqlstate(doing, "40001", e.what());
  } catch (const pqxx::deadlock_detected& e) {
    return StatusFromSqlstate(doing, "40P01", e.what());
  } catch (const pqxx::transaction_rollback& e) {
    absl::Status status = absl::AbortedError(because(e));
    status.SetPayload(kRolledBack, absl::Cord("1"));
    return status;
  } catch (const pqxx::too_many_connections& e) {
    return StatusFromSqlstate(doing, "53300", e.what());
  } catch (const pqxx::broken_connection& e) {
    return absl::UnavailableError(because(e));
  } catch (const pqxx::sql_error& e) {
    return StatusFromSqlstate(doing, SqlstateOf(e), e.what());
  } catch (const std::bad_alloc& e) {
    return absl::ResourceExhaustedError(because(e));
  } catch (const std::exception& e) {
    return absl::InternalError(because(e));
  } catch (...) {
    return absl::InternalError(
        absl::StrCat(ToAbsl(doing), ": something that is no std::exception"));
  }
}

absl::Status StatusFromUserException(std::string_view handler,
                                     std::string_view doing) {
  return InvokeUser(handler, [doing]() -> absl::Status {
    try {
      throw;
    } catch (const pqxx::pqxx_exception&) {
      return StatusFromException(doing);
    }
  });
}

}  // namespace stele::postgres
