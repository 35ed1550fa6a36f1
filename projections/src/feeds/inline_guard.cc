#include "feeds/inline_guard.h"

#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "checkpoints.h"
#include "registry.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(5);
constexpr int kPollsMax = 200;

// Which of `before`, the text of an array, append now as well; with `before`
// empty, all that do. Empty if the projection is not inline.
absl::StatusOr<std::string> AppendsUnderWay(EventStore& store,
                                            const std::string& projection,
                                            const std::string& before) {
  std::string under_way;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      under_way =
          tx.sql()
              ->exec_params(
                  absl::StrCat(
                      "SELECT coalesce(array_agg(u)::text, '') FROM unnest(",
                      registry.Table("appends_under_way"),
                      "()) AS u WHERE ($2 = '' OR u = ANY "
                      "(nullif($2, '')::text[])) AND EXISTS (SELECT FROM ",
                      registry.Table("projections"),
                      " WHERE name = $1 AND is_inline)"),
                  projection, before)[0][0]
              .as<std::string>();
      return absl::OkStatus();
    });
  }));
  return under_way;
}

}  // namespace

absl::Status AwaitGuarded(EventStore& store, const std::string& projection) {
  std::string under_way;
  for (int poll = 0; poll < kPollsMax; ++poll) {
    STELE_ASSIGN_OR_RETURN(under_way,
                           AppendsUnderWay(store, projection, under_way));
    if (under_way.empty()) return absl::OkStatus();
    Pause(kPollEvery);
  }
  return absl::AbortedError(absl::StrCat(
      "appends from before projection ", projection,
      " was inline have not ended; pg_stat_activity shows who is at work"));
}

}  // namespace stele::projections_internal
