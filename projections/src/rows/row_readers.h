#ifndef STELE_PROJECTIONS_SRC_ROWS_ROW_READERS_H_
#define STELE_PROJECTIONS_SRC_ROWS_ROW_READERS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "rows/rows.h"
#include "stele/projections/row_reader.h"

namespace stele::projections_internal {

using MemoryTables =
    absl::flat_hash_map<std::string, std::shared_ptr<MemoryTable>>;

// Empty `read_schema` = the default one.
std::unique_ptr<RowReader> MakeSqlRowReader(EventStore& store,
                                            std::string read_schema);
std::unique_ptr<RowReader> MakeMemoryRowReader(MemoryTables tables);

std::string DefaultReadSchema(std::string_view store_schema);

absl::StatusOr<bool> HasSql(EventStore& store);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_ROWS_ROW_READERS_H_
