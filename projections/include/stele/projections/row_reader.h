#ifndef STELE_PROJECTIONS_ROW_READER_H_
#define STELE_PROJECTIONS_ROW_READER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "stele/eventstore/event_store.h"
#include "stele/projections/traits.h"

namespace stele {

// Reads rows of read models by their public names.
//
// Thread-safe.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // Reads the row of `key` from the read model with this public name into
  // `row`, a message of its type. `key` is the text of the id field.
  //
  // Errors:
  //   kNotFound         no row has this key, or there is no such read model.
  //   kInvalidArgument  the message has not exactly one id field, or the key
  //                     does not fit it.
  virtual absl::Status Find(std::string_view table, std::string_view key,
                            google::protobuf::Message& row) = 0;
};

// A reader for processes that only read. `store` must outlive it; `read_schema`
// as in ProjectionsOptions.
//   kFailedPrecondition  the store has no SQL: rows kept in memory are read
//                        through Projections::reader().
absl::StatusOr<std::unique_ptr<RowReader>> MakeRowReader(
    EventStore& store, std::string read_schema = "");

// The row of `key`. Errors as above.
template <typename ReadModel>
absl::StatusOr<ReadModel> FindRow(RowReader& reader, std::string_view key) {
  ReadModel row;
  const absl::Status found =
      reader.Find(ProjectionTraits<ReadModel>::kTable, key, row);
  if (!found.ok()) return found;
  return row;
}

}  // namespace stele

#endif  // STELE_PROJECTIONS_ROW_READER_H_
