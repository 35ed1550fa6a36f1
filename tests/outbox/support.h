#ifndef STELE_TESTS_OUTBOX_SUPPORT_H_
#define STELE_TESTS_OUTBOX_SUPPORT_H_

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/event.h"
#include "stele/eventstore/event_traits.h"
#include "stele/outbox/broker.h"
#include "stele/outbox/cloud_event.h"
#include "stele/outbox/inbox.h"

namespace stele {

// An event for tests whose message is at hand: its value is what happened.
template <>
struct EventTraits<google::protobuf::StringValue> {
  static constexpr std::string_view kType = "test.Happened";
  static constexpr bool kPublic = true;
  static constexpr std::string_view kTopic = "test";
};
template <>
struct EventTraits<google::protobuf::BytesValue> {
  static constexpr std::string_view kType = "test.Secret";
  static constexpr bool kPublic = false;
  static constexpr std::string_view kTopic = "test";
};

namespace testing {

using Happened = google::protobuf::StringValue;

inline std::string PayloadOf(std::string_view what) {
  Happened happened;
  happened.set_value(std::string(what));
  return happened.SerializeAsString();
}

inline NewEvent HappenedEvent(std::string_view what) {
  NewEvent event;
  event.id = RandomIds().Next();
  event.type = "test.Happened";
  event.payload = PayloadOf(what);
  return event;
}

// A well-formed message of a stream, whose id is derived from what it says.
inline BrokerMessage HappenedMessage(std::string_view stream,
                                     std::string_view what,
                                     std::string_view type = "test.Happened") {
  RecordedEvent event;
  event.stream_id = std::string(stream);
  event.version = 1;
  event.position = 1;
  event.recorded_at = absl::FromUnixSeconds(1767225600);
  event.id = Uuid::FromName(
      Uuid(), absl::StrCat(std::string(stream), "/", std::string(what)));
  event.type = std::string(type);
  event.payload = PayloadOf(what);
  return ToBrokerMessage(event, "test", "/tests").value();
}

// Waits until `is_true`, for at most half a minute; false if that passed.
inline bool Eventually(const std::function<bool()>& is_true) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!is_true()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

// Runs something that has Run() and Stop() on a thread of its own.
template <typename Runnable>
class Running {
 public:
  explicit Running(Runnable& runnable)
      : runnable_(runnable), thread_([this] {
          const absl::Status ended = runnable_.Run();
          absl::MutexLock lock(&mutex_);
          ended_ = ended;
          has_ended_ = true;
        }) {}
  ~Running() { Stop().IgnoreError(); }

  absl::Status Stop() {
    runnable_.Stop();
    return Join();
  }
  // Waits until it ends by itself.
  absl::Status Join() {
    if (thread_.joinable()) thread_.join();
    absl::MutexLock lock(&mutex_);
    return ended_;
  }
  bool has_ended() {
    absl::MutexLock lock(&mutex_);
    return has_ended_;
  }

 private:
  Runnable& runnable_;
  absl::Mutex mutex_;
  absl::Status ended_;
  bool has_ended_ = false;
  std::thread thread_;
};

// What handlers have done, in order. Thread-safe.
class Journal {
 public:
  void Add(std::string what) {
    absl::MutexLock lock(&mutex_);
    entries_.push_back(std::move(what));
  }
  std::vector<std::string> entries() {
    absl::MutexLock lock(&mutex_);
    return entries_;
  }
  std::size_t size() { return entries().size(); }
  // size() if it is not there.
  std::size_t IndexOf(std::string_view what) {
    const std::vector<std::string> all = entries();
    return static_cast<std::size_t>(std::find(all.begin(), all.end(), what) -
                                    all.begin());
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> entries_;
};

}  // namespace testing
}  // namespace stele

#endif  // STELE_TESTS_OUTBOX_SUPPORT_H_
