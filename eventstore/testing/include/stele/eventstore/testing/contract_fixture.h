#ifndef STELE_EVENTSTORE_TESTING_CONTRACT_FIXTURE_H_
#define STELE_EVENTSTORE_TESTING_CONTRACT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"
#include "stele/testing/fake_clock.h"
#include "stele/testing/status_matchers.h"

namespace stele::testing {

// A kind of store to be held to the contract.
struct EventStoreKind {
  std::string name;  // Letters and digits.

  // Makes a new, empty store. A store that has no clock of its own must use
  // `clock`, which outlives it; one that has may ignore it.
  std::function<std::unique_ptr<EventStore>(Clock& clock)> make;

  bool has_sql = false;  // Transaction::sql() is not null.
};

inline std::ostream& operator<<(std::ostream& os, const EventStoreKind& kind) {
  return os << kind.name;
}

inline std::string NameOfKind(
    const ::testing::TestParamInfo<EventStoreKind>& info) {
  return info.param.name;
}

// The nouns and verbs the contract's tests are written in. Each test has a
// store of its own.
class EventStoreContract : public ::testing::TestWithParam<EventStoreKind> {
 protected:
  static constexpr absl::Duration kPatience = absl::Seconds(30);

  void SetUp() override {
    store_ = GetParam().make(clock_);
    ASSERT_NE(store_, nullptr) << "the store could not be made";
  }

  EventStore& store() { return *store_; }
  ConsumerStorage& consumers() { return store_->consumers(); }
  FakeClock& clock() { return clock_; }

  static NewEvent Event(std::string payload = "",
                        std::string type = "test.Happened") {
    return {.id = RandomIds().Next(),
            .type = std::move(type),
            .payload = std::move(payload),
            .metadata = ""};
  }
  static AppendRequest Request(std::string stream_id, ExpectedVersion expected,
                               int events = 1) {
    AppendRequest request{std::move(stream_id), expected, {}, std::nullopt};
    for (int i = 0; i < events; ++i) {
      request.events.push_back(Event("event " + std::to_string(i + 1)));
    }
    return request;
  }

  // Appends, and fails the test if that does not work.
  AppendResult Append(const std::string& stream_id, int events = 1) {
    const absl::StatusOr<AppendResult> result =
        store().Append(Request(stream_id, ExpectedVersion::Any(), events));
    EXPECT_THAT(result, IsOk());
    return result.value_or(AppendResult());
  }

  // Appends `request` and asks again, at once and after something else.
  void ExpectRepeatIsHarmless(const AppendRequest& request) {
    const absl::StatusOr<AppendResult> first = store().Append(request);
    ASSERT_THAT(first, IsOk());
    EXPECT_FALSE(first->was_duplicate);
    for (int later = 0; later < 2; ++later) {
      const absl::StatusOr<AppendResult> again = store().Append(request);
      ASSERT_THAT(again, IsOk());
      EXPECT_TRUE(again->was_duplicate);
      EXPECT_EQ(again->first_version, first->first_version);
      EXPECT_EQ(again->version, first->version);
      EXPECT_EQ(again->position, first->position);
      EXPECT_EQ(VersionOf(request.stream_id), first->version + later);
      if (later == 0) Append(request.stream_id);
    }
  }

  // Appends what is there already, at `where`; its position 0 = not looked at.
  void ExpectDuplicate(const AppendRequest& request,
                       const AppendResult& where) {
    const absl::StatusOr<AppendResult> again = store().Append(request);
    ASSERT_THAT(again, IsOk());
    EXPECT_TRUE(again->was_duplicate);
    EXPECT_EQ(again->first_version, where.first_version);
    EXPECT_EQ(again->version, where.version);
    if (where.position != 0) {
      EXPECT_EQ(again->position, where.position);
    }
  }

  std::vector<RecordedEvent> Read(const ReadStreamRequest& request) {
    std::vector<RecordedEvent> events;
    EXPECT_THAT(store().ReadStream(request,
                                   [&](RecordedEvent event) {
                                     events.push_back(std::move(event));
                                     return absl::OkStatus();
                                   }),
                IsOk());
    return events;
  }
  std::vector<RecordedEvent> Read(const std::string& stream_id) {
    return Read(ReadStreamRequest{.stream_id = stream_id});
  }
  std::vector<std::int64_t> Versions(const ReadStreamRequest& request) {
    std::vector<std::int64_t> versions;
    for (const RecordedEvent& event : Read(request)) {
      versions.push_back(event.version);
    }
    return versions;
  }
  std::int64_t VersionOf(const std::string& stream_id) {
    const absl::StatusOr<StreamInfo> info = store().GetStream(stream_id);
    EXPECT_THAT(info, IsOk());
    return info.ok() ? info->version : -1;
  }

  // The whole log after a position, read page by page up to `until` at least.
  std::vector<RecordedEvent> ReadLog(ReadLogRequest request,
                                     std::int64_t until) {
    EXPECT_THAT(AwaitHead(until), IsOk());
    std::vector<RecordedEvent> events;
    while (true) {
      const absl::StatusOr<LogProgress> progress =
          store().ReadLog(request, [&](RecordedEvent event) {
            events.push_back(std::move(event));
            return absl::OkStatus();
          });
      EXPECT_THAT(progress, IsOk());
      if (!progress.ok() || progress->at_head) return events;
      request.after_position = progress->position;
    }
  }

  // The head, once it is at `position` or beyond.
  absl::StatusOr<std::int64_t> AwaitHead(std::int64_t position) {
    return store().WaitForHead(position - 1, absl::Now() + kPatience);
  }

  // Runs `work(i)` on `threads` threads that start together.
  static void InParallel(int threads, const std::function<void(int)>& work) {
    std::atomic<int> waiting{threads};
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&waiting, &work, i] {
        --waiting;
        while (waiting.load() > 0) std::this_thread::yield();
        work(i);
      });
    }
    for (std::thread& thread : running) thread.join();
  }

 private:
  FakeClock clock_;
  std::unique_ptr<EventStore> store_;
};

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_CONTRACT_FIXTURE_H_
