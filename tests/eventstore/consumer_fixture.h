#ifndef STELE_TESTS_EVENTSTORE_CONSUMER_FIXTURE_H_
#define STELE_TESTS_EVENTSTORE_CONSUMER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/testing/contract_fixture.h"

// The nouns and verbs of the tests of Consumer.
namespace stele::testing {

// Handles the events of streams "input-<key>" by appending, in the batch's own
// transaction, one event to "effect-<key>" for each: what is in those streams
// in the end has happened, once and in order, or has not.
class EffectHandler final : public BatchHandler {
 public:
  using Fault = std::function<absl::Status(const KeyedEvent&)>;

  // Judges each event before its batch is committed. Any thread.
  void SetFault(Fault fault) {
    absl::MutexLock lock(&mutex_);
    fault_ = std::move(fault);
  }
  void FailOn(const std::string& payload) {
    SetFault([payload](const KeyedEvent& event) -> absl::Status {
      if (event.event.payload != payload) return absl::OkStatus();
      return absl::InternalError("cannot stand " + payload);
    });
  }
  void FailNever() { SetFault(nullptr); }

  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override {
    if (event.type == "test.Unreadable") {
      return absl::DataLossError("what is this?");
    }
    if (event.type == "test.Ignored") return std::nullopt;
    return std::string(IdOf(event.stream_id));
  }

  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override {
    largest_batch = std::max(largest_batch.load(), batch.size());
    std::vector<AppendRequest> effects;
    for (const KeyedEvent& event : batch) {
      STELE_RETURN_IF_ERROR(Judge(event));
      RequestFor(effects, event.key)
          .events.push_back({.id = RandomIds().Next(),
                             .type = "test.Effect",
                             .payload = event.event.payload,
                             .metadata = ""});
    }
    if (forgets_to_commit) return absl::OkStatus();
    return commit(
        [&](Transaction& tx) { return tx.AppendAll(effects).status(); });
  }

  void OnLeasesChanged() override { ++leases_changed; }

  absl::Status OnTick(std::span<const int> slots) override {
    ++ticks;
    slots_at_tick = slots.size();
    return fails_to_tick ? absl::UnavailableError("no tick") : absl::OkStatus();
  }

  std::atomic<std::size_t> largest_batch{0};
  std::atomic<int> leases_changed{0};
  std::atomic<int> ticks{0};
  std::atomic<std::size_t> slots_at_tick{0};
  std::atomic<bool> forgets_to_commit{false};
  std::atomic<bool> fails_to_tick{false};

 private:
  absl::Status Judge(const KeyedEvent& event) {
    Fault fault;
    {
      absl::MutexLock lock(&mutex_);
      fault = fault_;
    }
    return fault ? fault(event) : absl::OkStatus();
  }

  static AppendRequest& RequestFor(std::vector<AppendRequest>& requests,
                                   const std::string& key) {
    const std::string stream_id = "effect-" + key;
    for (AppendRequest& request : requests) {
      if (request.stream_id == stream_id) return request;
    }
    return requests.emplace_back(
        AppendRequest{stream_id, ExpectedVersion::Any(), {}, std::nullopt});
  }

  absl::Mutex mutex_;
  Fault fault_ ABSL_GUARDED_BY(mutex_);
};

class ConsumerTest : public EventStoreContract {
 protected:
  static constexpr char kName[] = "test/Effects";

  // A consumer and the thread it runs on.
  struct Running {
    std::unique_ptr<Consumer> consumer;
    absl::Status result;
    std::thread thread;

    absl::Status Stop() {
      consumer->Stop();
      if (thread.joinable()) thread.join();
      return result;
    }
    ~Running() { Stop().IgnoreError(); }
  };

  ConsumerOptions Options() {
    ConsumerOptions options;
    options.name = kName;
    options.slots = 8;
    options.categories = {"input"};
    options.lease = absl::Seconds(10);
    options.tick = absl::Milliseconds(5);
    options.retry = {absl::Milliseconds(1), absl::Milliseconds(10)};
    options.park_backoff = {absl::Hours(1), absl::Hours(1), 1.0};
    options.clock = &clock();
    return options;
  }

  std::unique_ptr<Consumer> Make(BatchHandler& handler, std::string owner,
                                 const ConsumerOptions& options) {
    auto consumer = Consumer::Create(store(), handler, options, owner);
    EXPECT_THAT(consumer, IsOk());
    return *std::move(consumer);
  }

  std::unique_ptr<Running> Start(BatchHandler& handler, std::string owner,
                                 const ConsumerOptions& options) {
    auto running = std::make_unique<Running>();
    running->consumer = Make(handler, owner, options);
    running->thread =
        std::thread([r = running.get()] { r->result = r->consumer->Run(); });
    return running;
  }

  // Runs a fresh consumer until it has dealt with all there is.
  absl::Status CatchUp(BatchHandler& handler, const ConsumerOptions& options) {
    return Make(handler, "solo", options)->RunUntil(last_);
  }
  absl::Status CatchUp(BatchHandler& handler) {
    return CatchUp(handler, Options());
  }

  // Appends an event with the next payload of `key`: "ada 1", "ada 2", ...
  std::string Input(const std::string& key,
                    const std::string& type = "test.Input") {
    const std::string payload = key + " " + std::to_string(++inputs_[key]);
    const absl::StatusOr<AppendResult> result =
        store().Append({"input-" + key,
                        ExpectedVersion::Any(),
                        {Event(payload, type)},
                        std::nullopt});
    EXPECT_THAT(result, IsOk());
    last_ = std::max(last_, result.value_or(AppendResult()).position);
    return payload;
  }
  void Inputs(int events, int keys) {
    for (int i = 0; i < events; ++i) {
      Input("key" + std::to_string(i % keys));
    }
  }

  std::vector<std::string> Effects(const std::string& key) {
    std::vector<std::string> effects;
    for (const RecordedEvent& event : Read("effect-" + key)) {
      effects.push_back(event.payload);
    }
    return effects;
  }

  std::vector<std::string> AllInputs(const std::string& key) {
    std::vector<std::string> inputs;
    for (const RecordedEvent& event : Read("input-" + key)) {
      inputs.push_back(event.payload);
    }
    return inputs;
  }

  void ExpectEachInputHadItsEffectOnceInOrder() {
    for (const auto& [key, count] : inputs_) {
      EXPECT_EQ(Effects(key), AllInputs(key)) << key;
    }
  }

  bool HasAllEffects() {
    for (const auto& [key, count] : inputs_) {
      if (VersionOf("effect-" + key) < count) return false;
    }
    return true;
  }

  // Waits for `holds`, while time goes by for whoever uses the fake clock.
  void Eventually(const std::function<bool()>& holds) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!holds()) {
      ASSERT_LT(absl::Now(), deadline) << "waited in vain";
      clock().Advance(absl::Milliseconds(10));
      store()
          .WaitForHead(1LL << 60, absl::Now() + absl::Milliseconds(2))
          .status()
          .IgnoreError();  // A pause, whatever ends it.
    }
  }

  std::vector<ParkedKey> Parked() {
    const auto parked = consumers().ListParked(kName);
    EXPECT_THAT(parked, IsOk());
    return parked.value_or(std::vector<ParkedKey>());
  }

  std::vector<SlotStatus> Slots() {
    const auto list = consumers().List();
    EXPECT_THAT(list, IsOk());
    return list->at(0).slots;
  }

  // Lets the time of several leases of `key`'s slot go by, as fast as somebody
  // renews it.
  void LetLeasesGoBy(const std::string& key, absl::Duration lease) {
    const auto until = [&] {
      return Slots()[static_cast<std::size_t>(SlotOf(key, 8))].lease_until;
    };
    const absl::Time end = until() + 4 * lease;
    const absl::Time deadline = absl::Now() + kPatience;
    while (until() < end) {
      ASSERT_LT(absl::Now(), deadline) << "nobody renews";
      if (until() - clock().Now() > lease / 2) clock().Advance(lease / 4);
      std::this_thread::yield();
    }
  }

  std::vector<std::int64_t> SlotPositions() {
    std::vector<std::int64_t> positions;
    for (const SlotStatus& slot : Slots()) {
      positions.push_back(slot.position);
    }
    return positions;
  }

  std::int64_t last_ = 0;

 private:
  std::map<std::string, std::int64_t> inputs_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_EVENTSTORE_CONSUMER_FIXTURE_H_
