#ifndef STELE_TESTS_AGGREGATES_DISPATCHER_FIXTURE_H_
#define STELE_TESTS_AGGREGATES_DISPATCHER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "counting_metrics.h"
#include "hooked_store.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/aggregates/load.h"
#include "stele/base/status.h"
#include "stele/eventstore/event_store.h"
#include "stele/testing/fake_clock.h"
#include "stele/testing/sequential_ids.h"
#include "stele/testing/status_matchers.h"
#include "till/till_decider.h"

namespace stele {

using ::stele::testing::IsOk;
using ::stele::testing::SequentialId;
using ::stele::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

MATCHER_P(RejectedFor, reason,
          absl::StrCat("is rejected for ", std::string(reason))) {
  *result_listener << "which is " << arg.status().ToString();
  return RejectionReason(arg.status()) == reason;
}

// A kind of store that the dispatcher must work on, new for each test.
struct StoreKind {
  const char* name;
  std::unique_ptr<EventStore> (*open)();
};
std::vector<StoreKind> StoreKinds();

// A dispatcher of tills on a new store. It never sleeps: the waits it asked for
// are kept.
class DispatcherTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  DispatcherTest() : store_(GetParam().open()) {
    dispatcher_ = NewDispatcher();
  }

  // Another one on the same store, as of another process.
  std::unique_ptr<AggregateDispatcher> NewDispatcher(
      int conflict_retries_max = 3) {
    auto dispatcher =
        MakeDispatcher(store_, {.conflict_retries_max = conflict_retries_max,
                                .clock = &clock_,
                                .ids = &ids_,
                                .metrics = &metrics_,
                                .wait = [this](absl::Duration wait) {
                                  absl::MutexLock lock(&waits_mutex_);
                                  waits_.push_back(wait);
                                }});
    EXPECT_THAT(dispatcher->Add(MakeAggregateType<till::TillDecider>()),
                IsOk());
    return dispatcher;
  }

  absl::StatusOr<Receipt> Dispatch(const google::protobuf::Message& message,
                                   const DispatchOptions& options = {}) {
    return dispatcher_->Dispatch(message, options);
  }

  void Open(const std::string& till_id) {
    ASSERT_THAT(Dispatch(till::MakeOpenTill(till_id)), IsOk());
  }
  // Opens a till and pays `cents` in: two events.
  void OpenWith(const std::string& till_id, std::int64_t cents) {
    Open(till_id);
    ASSERT_THAT(Dispatch(till::MakePayIn(till_id, cents)), IsOk());
  }
  LoadedAggregate<till::Till> Load(const std::string& till_id) {
    auto loaded = LoadAggregate<till::TillDecider>(store_.inner(), till_id);
    EXPECT_THAT(loaded, IsOk());
    return loaded.ok() ? *std::move(loaded) : LoadedAggregate<till::Till>{};
  }
  std::vector<RecordedEvent> Read(const std::string& till_id) {
    std::vector<RecordedEvent> events;
    EXPECT_THAT(
        store_.inner().ReadStream({.stream_id = "till-" + till_id},
                                  [&](RecordedEvent recorded) {
                                    events.push_back(std::move(recorded));
                                    return absl::OkStatus();
                                  }),
        IsOk());
    return events;
  }
  std::vector<std::string> Types(const std::string& till_id) {
    std::vector<std::string> types;
    for (RecordedEvent& recorded : Read(till_id))
      types.push_back(recorded.type);
    return types;
  }
  // Appends past the dispatcher.
  void AppendRaw(const std::string& till_id, std::string type,
                 std::string payload) {
    AppendRequest request;
    request.stream_id = "till-" + till_id;
    request.events = {{.id = RandomIds().Next(),
                       .type = std::move(type),
                       .payload = std::move(payload),
                       .metadata = {}}};
    ASSERT_THAT(store_.inner().Append(request), IsOk());
  }

  HookedStore store_;
  testing::FakeClock clock_;
  testing::SequentialIds ids_;
  CountingMetrics metrics_;
  absl::Mutex waits_mutex_;
  std::vector<absl::Duration> waits_;
  std::unique_ptr<AggregateDispatcher> dispatcher_;
};

#define STELE_ON_ALL_STORES(Test)                      \
  INSTANTIATE_TEST_SUITE_P(                            \
      Stores, Test, ::testing::ValuesIn(StoreKinds()), \
      [](const auto& kind) { return std::string(kind.param.name); })

}  // namespace stele

#endif  // STELE_TESTS_AGGREGATES_DISPATCHER_FIXTURE_H_
