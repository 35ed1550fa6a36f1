#include "stream_state.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "refusal.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele {

StreamState::StreamState(EventStore& store, const AggregateType& type,
                         std::string stream_id)
    : store_(store),
      type_(type),
      stream_id_(std::move(stream_id)),
      fold_(type) {}

absl::Status StreamState::Load() {
  if (type_.snapshot_every() > 0) STELE_RETURN_IF_ERROR(StartFromSnapshot());
  if (fold_.version() == 0) return CatchUp();

  // The event that the snapshot ends with is read along. It costs no round trip
  // and shows that the stream really got that far: a snapshot that survived a
  // restore which its events did not would otherwise be decided on.
  bool is_there = false;
  STELE_RETURN_IF_ERROR(store_.ReadStream(
      {.stream_id = stream_id_, .from_version = fold_.version()},
      [&](RecordedEvent event) {
        if (event.version > snapshot_version_) return fold_.Apply(event);
        is_there = true;
        return absl::OkStatus();
      }));
  if (is_there) return absl::OkStatus();
  Log(LogLevel::kWarning, "snapshot ignored: it is ahead of its stream",
      {{"stream", stream_id_}, {"version", absl::StrCat(snapshot_version_)}});
  fold_ = Fold(type_);
  snapshot_version_ = 0;
  return CatchUp();
}

absl::Status StreamState::CatchUp() {
  return store_.ReadStream(
      {.stream_id = stream_id_, .from_version = fold_.version() + 1},
      [this](RecordedEvent event) { return fold_.Apply(event); });
}

absl::StatusOr<bool> StreamState::LookForExistence() {
  // Mostly the first event tells, so that the rest need not be fetched.
  constexpr std::int64_t kFurther = 1'000'000'000;
  if (fold_.exists()) return true;
  bool exists = false;
  for (const std::int64_t limit : {std::int64_t{1}, kFurther}) {
    const std::int64_t version = fold_.version();
    const absl::Status status = store_.ReadStream(
        {.stream_id = stream_id_, .from_version = version + 1, .limit = limit},
        [&](RecordedEvent event) -> absl::Status {
          exists = !IsAnswerType(event.type);
          if (exists) return absl::CancelledError("seen enough");
          return fold_.Apply(event);
        });
    if (exists) return true;
    STELE_RETURN_IF_ERROR(status);
    if (fold_.version() == version) return false;
  }
  return false;
}

absl::Status StreamState::StartFromSnapshot() {
  absl::StatusOr<std::optional<Snapshot>> loaded =
      store_.LoadSnapshot(stream_id_);
  if (absl::IsDataLoss(loaded.status())) {
    Log(LogLevel::kWarning, "snapshot ignored: it cannot be read",
        {{"stream", stream_id_},
         {"cause", std::string(loaded.status().message())}});
    return absl::OkStatus();
  }
  STELE_RETURN_IF_ERROR(loaded.status());
  if (!loaded->has_value()) return absl::OkStatus();

  const Snapshot& snapshot = **loaded;
  if (snapshot.fingerprint != type_.fingerprint()) {
    Ignore(snapshot, "it was folded by another schema or fold version");
  } else if (snapshot.version < 1 || !fold_.StartFrom(snapshot)) {
    Ignore(snapshot, "its bytes are not a state");
  } else {
    snapshot_version_ = snapshot.version;
  }
  return absl::OkStatus();
}

void StreamState::Ignore(const Snapshot& snapshot, const char* why) {
  Log(LogLevel::kWarning, "snapshot ignored",
      {{"stream", stream_id_},
       {"version", absl::StrCat(snapshot.version)},
       {"cause", why}});
}

std::optional<Snapshot> StreamState::TakeDueSnapshot() {
  if (type_.snapshot_every() == 0 || !fold_.exists() ||
      fold_.version() - snapshot_version_ < type_.snapshot_every()) {
    return std::nullopt;
  }
  snapshot_version_ = fold_.version();
  return Snapshot{.stream_id = stream_id_,
                  .version = fold_.version(),
                  .fingerprint = type_.fingerprint(),
                  .state = fold_.state().SerializeAsString()};
}

void SaveSnapshot(EventStore& store, const Snapshot& snapshot) {
  const absl::Status saved = store.SaveSnapshot(snapshot);
  if (saved.ok()) return;
  Log(LogLevel::kWarning, "snapshot not saved",
      {{"stream", snapshot.stream_id},
       {"version", absl::StrCat(snapshot.version)},
       {"cause", saved.ToString()}});
}

}  // namespace stele
