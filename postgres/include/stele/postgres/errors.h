#ifndef STELE_POSTGRES_ERRORS_H_
#define STELE_POSTGRES_ERRORS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace stele::postgres {

// What an error of the server means to us. `doing` names the work that failed,
// `sqlstate` is the five-character code, "" if there is none, `message` the
// server's own words.
//
//   40001, 40P01          kAborted, marked: see IsRolledBack()
//   53 (disk full, ...)   kUnavailable
//   57014, 55P03          kDeadlineExceeded
//   other 57, 08, 25006,
//   25P03                 kUnavailable
//   42P01, 3F000, 42883   kFailedPrecondition: run `stele migrate`
//   55000, and 42P07, 42710, 42723 (a name is taken)  kFailedPrecondition
//   42501                 kPermissionDenied: use the schema's owner
//   23505                 kAlreadyExists
//   22, other 23          kInvalidArgument
//   XX001, XX002          kDataLoss
//   any other             kInternal
absl::Status StatusFromSqlstate(std::string_view doing,
                                std::string_view sqlstate,
                                std::string_view message);

// True iff the server rolled the transaction back on account of others
// (serialization failure, deadlock), so that the same work may be tried again.
// A lost version conflict or lease, though kAborted too, is not that.
bool IsRolledBack(const absl::Status& status);

// Says what the exception being handled means to us; the only place that knows
// libpqxx's exceptions.
// REQUIRES: called from within a catch block.
absl::Status StatusFromException(std::string_view doing);

// Runs `work`, which returns a Status or StatusOr and may throw.
template <typename Work>
auto CatchingAll(std::string_view doing, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    return StatusFromException(doing);
  }
}

// The same in code of the user's: what is not libpqxx's is the fault of
// `handler`, as InvokeUser() has it.
// REQUIRES: called from within a catch block.
absl::Status StatusFromUserException(std::string_view handler,
                                     std::string_view doing);

// Runs the user's `work`, which returns a Status or StatusOr and may throw.
template <typename Work>
auto InvokeUserSql(std::string_view handler, std::string_view doing,
                   Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    return StatusFromUserException(handler, doing);
  }
}

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_ERRORS_H_
