#ifndef STELE_PROJECTIONS_SRC_PROJECTION_H_
#define STELE_PROJECTIONS_SRC_PROJECTION_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rows/columns.h"
#include "stele/projections/projection_type.h"

namespace stele::projections_internal {

// Names of tables leave room for the suffix of a version.
inline constexpr std::size_t kMaxTableNameBytes = 40;
// A key must fit into an index entry.
inline constexpr std::size_t kMaxKeyBytes = 1024;

// A projection, checked and ready to work. Immutable, so thread-safe.
struct Projection {
  ProjectionType type;
  TableShape shape;
  std::string fingerprint;                        // 8 hex digits.
  absl::flat_hash_map<std::string, int> by_type;  // Into type.events.
  std::vector<std::string> event_types;

  const ProjectionEvent* Find(std::string_view event_type) const;

  // The key an event has for ordering and parking: always one that can be
  // stored, also where the row's own key cannot be. Nullopt if the event is
  // about no row.
  std::optional<std::string> OrderKeyOf(const RecordedEvent& event) const;

  // Row form: the row an event is about; empty if it is about none.
  //   kInvalidArgument  the key is too long or no valid text.
  absl::StatusOr<std::string> RowKeyOf(const RecordedEvent& event) const;

  // Row form: an empty row of this key.
  //   kInvalidArgument  the key does not fit the id field.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> NewRow(
      const std::string& key) const;

  const Column& key_column() const { return shape.columns[shape.keys.front()]; }
};

// OK, or all that is wrong in one error: a line each, with the code of the
// first.
absl::Status AllOf(const std::vector<absl::Status>& problems);

// kInvalidArgument if the description cannot work; says all that is wrong.
absl::StatusOr<std::shared_ptr<const Projection>> MakeProjection(
    ProjectionType type);

// OK iff `name` may name a table or a schema.
absl::Status CheckName(std::string_view what, std::string_view name);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_PROJECTION_H_
