#include "tests/sagas/saga_world.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "stele/base/status.h"
#include "stele/eventstore/transaction.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"
#include "tests/sagas/trip_rules.h"

namespace stele::testing {

std::unique_ptr<AggregateDispatcher> MakeWorldDispatcher(EventStore& store) {
  std::unique_ptr<AggregateDispatcher> dispatcher = MakeDispatcher(store);
  EXPECT_THAT(dispatcher->Add(MakeAggregateType<bank::AccountDecider>()),
              IsOk());
  EXPECT_THAT(dispatcher->Add(MakeAggregateType<trips::LegDecider>()), IsOk());
  EXPECT_THAT(dispatcher->Add(MakeAggregateType<trips::BookingDecider>()),
              IsOk());
  return dispatcher;
}

HandDriver::HandDriver(const SagaType& type, EventStore& store,
                       SagaStorage& storage, Checkpoint& checkpoint,
                       SagaEngineOptions options)
    : store_(store),
      checkpoint_(checkpoint),
      consumer_(SagaConsumerOptions(type, options)),
      dispatcher_(MakeWorldDispatcher(store)),
      slots_(consumer_.slots) {
  absl::StatusOr<std::unique_ptr<BatchHandler>> engine =
      MakeSagaEngine(type, store, storage, *dispatcher_, options);
  EXPECT_THAT(engine, IsOk());
  engine_ = *std::move(engine);
  std::iota(slots_.begin(), slots_.end(), 0);
}

absl::StatusOr<bool> HandDriver::RunOnce(int batch_events_max) {
  std::vector<KeyedEvent> batch;
  STELE_ASSIGN_OR_RETURN(
      const LogProgress progress,
      store_.ReadLog({.after_position = checkpoint_.position,
                      .limit = batch_events_max,
                      .types = consumer_.types},
                     [&](RecordedEvent event) -> absl::Status {
                       STELE_ASSIGN_OR_RETURN(std::optional<std::string> key,
                                              engine_->KeyOf(event));
                       if (key.has_value()) {
                         batch.push_back({*std::move(key), std::move(event)});
                       }
                       return absl::OkStatus();
                     }));
  if (batch.empty()) {
    const bool moved = progress.position > checkpoint_.position;
    checkpoint_.position = progress.position;
    return moved;
  }
  STELE_RETURN_IF_ERROR(engine_->Handle(
      batch, [&](absl::FunctionRef<absl::Status(Transaction&)> work) {
        return store_.Transact([&](Transaction& tx) {
          STELE_RETURN_IF_ERROR(work(tx));
          tx.OnCommit([this, position = progress.position] {
            checkpoint_.position = position;
          });
          return absl::OkStatus();
        });
      }));
  return true;
}

absl::Status HandDriver::Tick() {
  // The test may have moved due times behind the engine's back.
  engine_->OnLeasesChanged();
  return engine_->OnTick(slots_);
}

absl::Status HandDriver::RunUntilIdle(int batch_events_max) {
  while (true) {
    STELE_ASSIGN_OR_RETURN(const bool moved, RunOnce(batch_events_max));
    if (moved) continue;
    STELE_ASSIGN_OR_RETURN(const std::int64_t before, store_.Head());
    STELE_RETURN_IF_ERROR(Tick());
    STELE_ASSIGN_OR_RETURN(const std::int64_t after, store_.Head());
    if (before == after) return absl::OkStatus();
  }
}

std::vector<std::string> StoryOf(EventStore& store,
                                 const std::vector<std::string>& types,
                                 std::int64_t after_position) {
  std::vector<std::string> story;
  EXPECT_THAT(
      store.ReadLog({.after_position = after_position,
                     .limit = 1'000'000,
                     .types = types},
                    [&](RecordedEvent event) {
                      const std::size_t dot = event.type.rfind('.');
                      story.push_back(absl::StrCat(event.type.substr(dot + 1),
                                                   " ", event.stream_id));
                      return absl::OkStatus();
                    }),
      IsOk());
  return story;
}

void Send(Dispatcher& dispatcher, const google::protobuf::Message& command) {
  EXPECT_THAT(dispatcher.Dispatch(command), IsOk())
      << command.ShortDebugString();
}

}  // namespace stele::testing
