#include "consumers/page.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

using MaybeKey = absl::StatusOr<std::optional<std::string>>;

std::int64_t BytesOf(const KeyedEvent& keyed) {
  const RecordedEvent& event = keyed.event;
  return static_cast<std::int64_t>(
      sizeof(KeyedEvent) + keyed.key.size() + event.stream_id.size() +
      event.type.size() + event.payload.size() + event.metadata.size());
}

absl::Status AtEvent(const absl::Status& error, const RecordedEvent& event) {
  return Annotate(error, absl::StrCat("event at position ", event.position,
                                      " of type ", Quoted(event.type)));
}

}  // namespace

absl::StatusOr<ConsumerPage> ReadConsumerPage(
    EventStore& store, BatchHandler& handler, const ConsumerOptions& options,
    const ConsumerSlots& slots, std::int64_t position, int events_max,
    absl::Status& key_error) {
  ConsumerPage page;
  page.end = position;
  std::int64_t bytes = 0;
  bool is_full = false;
  const ReadLogRequest request{.after_position = position,
                               .limit = events_max,
                               .categories = options.categories,
                               .types = options.types,
                               .positions_max = options.scan_positions_max};
  const auto visit = [&](RecordedEvent event) -> absl::Status {
    MaybeKey key = InvokeUser(
        options.name, [&]() -> MaybeKey { return handler.KeyOf(event); });
    if (!key.ok()) return key_error = AtEvent(key.status(), event);
    page.end = event.position;
    if (!key->has_value()) return absl::OkStatus();
    const int slot = SlotOf(**key, options.slots);
    if (!slots.Wants(slot, event.position)) return absl::OkStatus();
    page.events.push_back({**std::move(key), std::move(event)});
    bytes += BytesOf(page.events.back());
    is_full = bytes >= options.batch_bytes_max;
    return is_full ? absl::CancelledError("the page is full")
                   : absl::OkStatus();
  };
  const absl::StatusOr<LogProgress> progress = store.ReadLog(request, visit);
  if (is_full) return page;
  STELE_RETURN_IF_ERROR(progress);
  page.end = progress->position;
  page.at_head = progress->at_head;
  return page;
}

}  // namespace stele
