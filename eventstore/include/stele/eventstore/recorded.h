#ifndef STELE_EVENTSTORE_RECORDED_H_
#define STELE_EVENTSTORE_RECORDED_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/event.h"

namespace stele {

// An event of type E together with what the store knows of it. Read the event
// through `->`; the rest through the accessors. Valid during the call it was
// handed to.
template <typename E>
class Recorded {
 public:
  // `event` and `envelope` must outlive this.
  Recorded(const E& event, const RecordedEvent& envelope)
      : event_(&event), envelope_(&envelope) {}
  Recorded(const E&&, const RecordedEvent&) = delete;
  Recorded(const E&, const RecordedEvent&&) = delete;

  const E& operator*() const { return *event_; }
  const E* operator->() const { return event_; }

  std::string_view stream_id() const { return envelope_->stream_id; }
  // The part of the stream id after the category: "ada" of "account-ada".
  std::string_view id() const { return IdOf(envelope_->stream_id); }
  std::int64_t version() const { return envelope_->version; }
  // 0 in an inline projection, which runs before positions are given out.
  std::int64_t position() const { return envelope_->position; }
  absl::Time recorded_at() const { return envelope_->recorded_at; }
  const Uuid& event_id() const { return envelope_->id; }
  absl::StatusOr<EventMetadata> metadata() const {
    return ParseMetadata(envelope_->metadata);
  }
  const RecordedEvent& envelope() const { return *envelope_; }

 private:
  const E* event_;
  const RecordedEvent* envelope_;
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_RECORDED_H_
