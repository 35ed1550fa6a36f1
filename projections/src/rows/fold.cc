#include <utility>

#include "absl/strings/str_cat.h"
#include "rows/rows.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::projections_internal {
namespace {

// A row while a batch is folded into it.
struct Folded {
  RowPtr fresh;  // An empty row of this key.
  RowPtr row;    // Null = not there.
  bool was_there = false;
  bool is_touched = false;
  std::string before;  // Serialized, as loaded.
};

absl::Status AboutEvent(const absl::Status& status,
                        const Projection& projection,
                        const RecordedEvent& event) {
  return Annotate(
      status, absl::StrCat("projection ", projection.type.name, ", event ",
                           event.type, " of stream ", Quoted(event.stream_id),
                           " version ", event.version));
}

absl::Status CheckKeyIsKept(const Projection& projection,
                            const google::protobuf::Message& row,
                            const google::protobuf::Message& fresh) {
  STELE_ASSIGN_OR_RETURN(const Cell now,
                         EncodeCell(row, projection.key_column()));
  STELE_ASSIGN_OR_RETURN(const Cell key,
                         EncodeCell(fresh, projection.key_column()));
  if (now == key) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("Apply() changed the id field ",
                                          projection.key_column().name,
                                          " of the row"));
}

absl::Status FoldOne(const Projection& projection, const RecordedEvent& event,
                     Folded& folded) {
  if (folded.row == nullptr) {
    folded.row.reset(folded.fresh->New());
    folded.row->CopyFrom(*folded.fresh);
  }
  STELE_ASSIGN_OR_RETURN(
      const RowAction action, InvokeUser(projection.type.name, [&] {
        return projection.Find(event.type)->apply_row(*folded.row, event);
      }));
  folded.is_touched = true;
  if (action == RowAction::kDelete) {
    folded.row.reset();
    return absl::OkStatus();
  }
  STELE_RETURN_IF_ERROR(CheckKeyIsKept(projection, *folded.row, *folded.fresh));
  return NormalizeRow(projection.shape, *folded.row);
}

std::vector<RowChange> ChangesOf(
    const std::vector<std::string>& keys,
    const absl::flat_hash_map<std::string, Folded>& folds) {
  std::vector<RowChange> changes;
  for (const std::string& key : keys) {
    const Folded& folded = folds.at(key);
    if (!folded.is_touched) continue;
    const bool is_there = folded.row != nullptr;
    if (!is_there && !folded.was_there) continue;
    if (is_there && folded.was_there &&
        folded.row->SerializeAsString() == folded.before) {
      continue;
    }
    changes.push_back({key, folded.row.get(), folded.was_there});
  }
  return changes;
}

}  // namespace

absl::Status FoldRows(const Projection& projection,
                      std::span<const EventRef> events, Rows& rows) {
  std::vector<std::string> keys;  // Distinct, in order of first appearance.
  std::vector<std::string> key_of_event;  // Empty = about no row.
  absl::flat_hash_map<std::string, Folded> folds;
  for (const EventRef event : events) {
    absl::StatusOr<std::string> key = projection.RowKeyOf(*event);
    if (!key.ok()) return AboutEvent(key.status(), projection, *event);
    if (!key->empty() && !folds.contains(*key)) {
      absl::StatusOr<RowPtr> fresh = projection.NewRow(*key);
      if (!fresh.ok()) return AboutEvent(fresh.status(), projection, *event);
      folds[*key].fresh = *std::move(fresh);
      keys.push_back(*key);
    }
    key_of_event.push_back(*std::move(key));
  }
  RowMap loaded;
  STELE_RETURN_IF_ERROR(rows.Load(keys, loaded));
  for (auto& [key, row] : loaded) {
    Folded& folded = folds[key];
    folded.was_there = true;
    folded.before = row->SerializeAsString();
    folded.row = std::move(row);
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (key_of_event[i].empty()) continue;
    const absl::Status status =
        FoldOne(projection, *events[i], folds[key_of_event[i]]);
    if (!status.ok()) return AboutEvent(status, projection, *events[i]);
  }
  return rows.Write(ChangesOf(keys, folds));
}

}  // namespace stele::projections_internal
