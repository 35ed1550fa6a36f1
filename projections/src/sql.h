#ifndef STELE_PROJECTIONS_SRC_SQL_H_
#define STELE_PROJECTIONS_SRC_SQL_H_

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"
#include "stele/postgres/errors.h"

namespace stele::projections_internal {

// Runs `work`, which uses libpqxx and returns a Status or StatusOr.
template <typename Work>
auto RunSql(Work&& work) -> decltype(work()) {
  return postgres::CatchingAll("projections", std::forward<Work>(work));
}

// The same with code of the user's.
template <typename Work>
auto RunUserSql(std::string_view handler, Work&& work) -> decltype(work()) {
  return postgres::CatchingAll(ToStd(absl::StrCat(ToAbsl(handler), " in SQL")),
                               std::forward<Work>(work));
}

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_SQL_H_
