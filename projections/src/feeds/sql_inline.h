#ifndef STELE_PROJECTIONS_SRC_FEEDS_SQL_INLINE_H_
#define STELE_PROJECTIONS_SRC_FEEDS_SQL_INLINE_H_

#include <memory>
#include <vector>

#include "feeds/inline_store.h"

namespace stele::projections_internal {

// Applies events to the tables of these projections, in the transaction of the
// append, where appends are what fills them now.
std::unique_ptr<InlineWork> MakeSqlInlineWork(
    std::vector<std::shared_ptr<const Projection>> projections);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_FEEDS_SQL_INLINE_H_
