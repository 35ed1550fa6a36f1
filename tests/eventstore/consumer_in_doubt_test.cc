#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "consumer_fixture.h"
#include "stele/eventstore/in_memory.h"

namespace stele::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// A store whose connection breaks now and then: before a transaction, during
// its commit (which may then have happened or not), or while reading.
class ShakyEventStore final : public EventStore {
 public:
  ShakyEventStore(std::unique_ptr<EventStore> store, unsigned seed)
      : store_(std::move(store)), random_(seed) {}

  void SetShaky(bool is_shaky) { is_shaky_ = is_shaky; }

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override {
    return store_->AppendAll(requests);
  }
  absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    return store_->ReadStream(request, visit);
  }
  absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    if (Draws(10)) return absl::UnavailableError("no connection");
    return store_->ReadLog(request, visit);
  }
  absl::StatusOr<std::int64_t> Head() override { return store_->Head(); }
  absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                           absl::Time deadline) override {
    return store_->WaitForHead(position, deadline);
  }
  void Interrupt() override { store_->Interrupt(); }
  absl::StatusOr<StreamInfo> GetStream(const std::string& id) override {
    return store_->GetStream(id);
  }
  absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) override {
    return store_->FindCommand(stream_id, command_id);
  }
  absl::Status Tombstone(const std::string& stream_id,
                         ExpectedVersion expected_version) override {
    return store_->Tombstone(stream_id, expected_version);
  }
  absl::StatusOr<std::optional<Snapshot>> LoadSnapshot(
      const std::string& stream_id) override {
    return store_->LoadSnapshot(stream_id);
  }
  absl::Status SaveSnapshot(const Snapshot& snapshot) override {
    return store_->SaveSnapshot(snapshot);
  }
  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    if (Draws(10)) return absl::UnavailableError("no connection");
    if (Draws(5)) {
      const absl::Status status =
          store_->Transact([&](Transaction& tx) -> absl::Status {
            STELE_RETURN_IF_ERROR(work(tx));
            return absl::CancelledError("lost before the commit");
          });
      return absl::IsCancelled(status) ? InDoubtError("lost") : status;
    }
    STELE_RETURN_IF_ERROR(store_->Transact(work));
    if (Draws(5)) return InDoubtError("lost after the commit");
    return absl::OkStatus();
  }
  ConsumerStorage& consumers() override { return store_->consumers(); }
  absl::StatusOr<Uuid> Epoch() override { return store_->Epoch(); }

 private:
  bool Draws(unsigned one_in) {
    absl::MutexLock lock(&mutex_);
    return is_shaky_ && random_() % one_in == 0;
  }

  const std::unique_ptr<EventStore> store_;
  std::atomic<bool> is_shaky_{false};
  absl::Mutex mutex_;
  std::mt19937 random_ ABSL_GUARDED_BY(mutex_);
};

unsigned Seed() {
  static const unsigned seed = std::random_device()();
  return seed;
}

class ShakyConsumerTest : public ConsumerTest {
 protected:
  ShakyEventStore& shaky() { return static_cast<ShakyEventStore&>(store()); }
};

INSTANTIATE_TEST_SUITE_P(
    Memory, ShakyConsumerTest,
    ::testing::Values(EventStoreKind{
        .name = "Shaky",
        .make = [](Clock& clock) -> std::unique_ptr<EventStore> {
          return std::make_unique<ShakyEventStore>(
              MakeInMemoryEventStore(clock), Seed());
        }}),
    NameOfKind);

TEST_P(ShakyConsumerTest, DoubtAboutACommitNeitherLosesNorRepeats) {
  SCOPED_TRACE("seed " + std::to_string(Seed()));
  Inputs(400, 9);
  EffectHandler handler;
  ConsumerOptions options = Options();
  options.batch_events_max = 5;
  options.transient_tries_before_parking = 1000;  // Chance parks nothing.
  options.retry = {absl::Microseconds(10), absl::Microseconds(100)};
  shaky().SetShaky(true);
  const absl::Status status = CatchUp(handler, options);
  shaky().SetShaky(false);
  ASSERT_THAT(status, IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
  EXPECT_THAT(Parked(), IsEmpty());
}

TEST_P(ShakyConsumerTest, ParkingIsAsSureAsHandling) {
  SCOPED_TRACE("seed " + std::to_string(Seed()));
  Inputs(200, 4);
  EffectHandler handler;
  handler.FailOn("key1 7");
  ConsumerOptions options = Options();
  options.batch_events_max = 5;
  options.transient_tries_before_parking = 1000;  // Chance parks nothing.
  options.retry = {absl::Microseconds(10), absl::Microseconds(100)};
  shaky().SetShaky(true);
  ASSERT_THAT(CatchUp(handler, options), IsOk());
  shaky().SetShaky(false);
  ASSERT_THAT(Parked(), SizeIs(1));
  EXPECT_EQ(Parked()[0].held, 44);
  handler.FailNever();
  // A try that fails, for whatever reason, is followed by a wait.
  for (int i = 0; i < 1000 && !Parked().empty(); ++i) {
    ASSERT_THAT(
        consumers().RequestParked(kName, "key1", ParkedState::kRetryNow),
        IsOk());
    shaky().SetShaky(true);
    ASSERT_THAT(CatchUp(handler, options), IsOk());
    shaky().SetShaky(false);
  }
  EXPECT_THAT(Parked(), IsEmpty());
  ExpectEachInputHadItsEffectOnceInOrder();
}

}  // namespace
}  // namespace stele::testing
