#include "stele/sagas/saga_engine.h"

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "batch.h"
#include "command_runner.h"
#include "engine_metrics.h"
#include "fold.h"
#include "instance.h"
#include "instance_cache.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "timers.h"

namespace stele {
namespace sagas_internal {
namespace {

// Begins the key of an event that cannot be read, or whose route leads to what
// can be no id. It has a key of its own, so that it is parked, when it fails to
// be handled, and nothing else with it.
constexpr std::string_view kBadIdPrefix = "no valid id: ";

class SagaEngine final : public BatchHandler {
 public:
  SagaEngine(SagaType type, EventStore& store, SagaStorage& storage,
             Dispatcher& dispatcher, const SagaEngineOptions& options)
      : type_(std::move(type)),
        options_(options),
        store_(store),
        metrics_(options.metrics, type_.name),
        commands_(dispatcher, type_.name, metrics_),
        cache_(static_cast<std::size_t>(options.cached_instances_max)),
        writer_(type_, storage, options.slots),
        timers_(type_, store, storage, options.timers_per_tick_max) {}

  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override;
  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override;
  void OnLeasesChanged() override {
    cache_.Clear();
    timers_.Hurry();
  }
  absl::Status OnTick(std::span<const int> slots) override {
    return timers_.TakeUpDue(slots, cache_, metrics_);
  }

 private:
  // The error of an event whose key begins with kBadIdPrefix.
  absl::Status WhyNoInstance(const RecordedEvent& event) const;
  absl::StatusOr<std::vector<InstanceWork>> Gather(
      std::span<const KeyedEvent> batch);
  absl::Status RunCommands(std::vector<InstanceWork>& works);
  absl::Status Fold(InstanceWork& work);
  absl::Status FoldEvent(InstanceWork& work, const RecordedEvent& event);
  absl::Status FoldInput(InstanceWork& work, const SagaInput& input);
  void LogDropped(const InstanceWork& work, const SagaInput& input,
                  Verdict verdict) const;
  void Keep(std::vector<InstanceWork>& works);

  const SagaType type_;
  const SagaEngineOptions options_;
  EventStore& store_;
  EngineMetrics metrics_;
  CommandRunner commands_;
  InstanceCache cache_;
  BatchWriter writer_;
  TimerWatch timers_;
};

absl::StatusOr<std::optional<std::string>> SagaEngine::KeyOf(
    const RecordedEvent& event) {
  if (event.type == kSteppedType || event.type == kElapsedType) {
    if (CategoryOf(event.stream_id) != type_.category) return std::nullopt;
    return std::string(IdOf(event.stream_id));
  }
  const auto handler = type_.events.find(event.type);
  if (handler == type_.events.end()) return std::nullopt;
  absl::StatusOr<std::string> id = handler->second.key_of(event);
  if (id.ok() && id->empty()) return std::nullopt;
  if (id.ok() && ValidateStreamId(MakeStreamId(type_.category, *id)).ok()) {
    return *std::move(id);
  }
  return absl::StrCat(ToAbsl(kBadIdPrefix), event.id.ToString());
}

absl::Status SagaEngine::WhyNoInstance(const RecordedEvent& event) const {
  STELE_RETURN_IF_ERROR(
      type_.events.find(event.type)->second.key_of(event).status());
  return absl::InvalidArgumentError(
      absl::StrCat("event ", event.id.ToString(), " of type ", event.type,
                   " leads to an instance of saga ", type_.name,
                   " by what cannot be an id: empty, too long, or with "
                   "control characters"));
}

absl::StatusOr<std::vector<InstanceWork>> SagaEngine::Gather(
    std::span<const KeyedEvent> batch) {
  std::vector<InstanceWork> works;
  absl::flat_hash_map<std::string, std::size_t> index;
  for (const KeyedEvent& keyed : batch) {
    const auto [found, is_new] = index.try_emplace(keyed.key, works.size());
    if (is_new) works.emplace_back().id = keyed.key;
    works[found->second].events.push_back(&keyed.event);
  }
  for (InstanceWork& work : works) {
    if (work.id.starts_with(kBadIdPrefix)) {
      return WhyNoInstance(*work.events.front());
    }
    if (std::optional<SagaInstance> kept = cache_.Take(work.id)) {
      work.instance = *std::move(kept);
    } else {
      STELE_ASSIGN_OR_RETURN(work.instance,
                             LoadInstance(store_, type_, work.id));
    }
    work.timers_before.assign(work.instance.last.timers().begin(),
                              work.instance.last.timers().end());
  }
  return works;
}

absl::Status SagaEngine::RunCommands(std::vector<InstanceWork>& works) {
  std::vector<std::vector<StepCommands>*> groups;
  for (InstanceWork& work : works) {
    for (const RecordedEvent* event : work.events) {
      if (event->type != kSteppedType || work.instance.is_tombstoned ||
          IsRepeated(work.instance, *event)) {
        continue;
      }
      STELE_ASSIGN_OR_RETURN(SagaStepped step, ParseStep(*event));
      if (step.commands().empty()) continue;
      work.commands.push_back(
          {.event = event, .step = std::move(step), .answers = {}});
    }
    if (!work.commands.empty()) groups.push_back(&work.commands);
  }
  return commands_.RunAll(groups, options_.dispatches_max);
}

absl::Status SagaEngine::FoldInput(InstanceWork& work, const SagaInput& input) {
  const Verdict verdict = Judge(type_, work.instance, input);
  if (verdict != Verdict::kStep) {
    work.dropped.push_back(verdict);
    LogDropped(work, input, verdict);
    return absl::OkStatus();
  }
  STELE_ASSIGN_OR_RETURN(StepDraft draft, TakeStep(type_, work.instance, input,
                                                   options_.steps_max));
  work.drafts.push_back(std::move(draft));
  return absl::OkStatus();
}

absl::Status SagaEngine::FoldEvent(InstanceWork& work,
                                   const RecordedEvent& event) {
  if (IsRepeated(work.instance, event)) {
    work.dropped.push_back(Verdict::kRepeated);
    return absl::OkStatus();
  }
  if (event.type == kElapsedType) {
    STELE_ASSIGN_OR_RETURN(const SagaTimerElapsed elapsed, ParseElapsed(event));
    return FoldInput(work, {.event = &event, .elapsed = &elapsed.timer()});
  }
  if (event.type != kSteppedType) return FoldInput(work, {.event = &event});

  for (const StepCommands& sent : work.commands) {
    if (sent.event != &event) continue;
    for (int i = 0; i < sent.step.commands_size(); ++i) {
      const StoredSagaAnswer& answer = sent.answers[i];
      // That a command was accepted is told by its events; only an undo's
      // answer leads on by itself.
      if (answer.accepted() &&
          answer.command_id() != sent.step.undoing_command_id()) {
        continue;
      }
      STELE_RETURN_IF_ERROR(
          FoldInput(work, {.event = &event,
                           .command = &sent.step.commands(i),
                           .answer = answer,
                           .is_last_word = IsEnd(sent.step.status())}));
    }
  }
  return absl::OkStatus();
}

absl::Status SagaEngine::Fold(InstanceWork& work) {
  for (const RecordedEvent* event : work.events) {
    STELE_RETURN_IF_ERROR(FoldEvent(work, *event));
  }
  return absl::OkStatus();
}

void SagaEngine::LogDropped(const InstanceWork& work, const SagaInput& input,
                            Verdict verdict) const {
  // What nobody waits for may be a mistake in a route; the rest is routine.
  const LogLevel level =
      verdict == Verdict::kUnknown ? LogLevel::kInfo : LogLevel::kDebug;
  Log(level, "saga input dropped",
      {{"saga", type_.name},
       {"instance", work.id},
       {"why", std::string(VerdictName(verdict))},
       {"type", input.event->type},
       {"position", absl::StrCat(input.event->position)}});
}

void SagaEngine::Keep(std::vector<InstanceWork>& works) {
  for (InstanceWork& work : works) {
    for (const StepDraft& draft : work.drafts) {
      metrics_.Stepped(draft.step.status());
      for (const StepDraft::NewTimer& timer : draft.new_timers) {
        timers_.ExpectWithin(timer.after);
      }
    }
    for (const Verdict verdict : work.dropped) metrics_.Dropped(verdict);
    cache_.Put(std::move(work.instance));
  }
}

absl::Status SagaEngine::Handle(std::span<const KeyedEvent> batch,
                                CommitBatch commit) {
  STELE_ASSIGN_OR_RETURN(std::vector<InstanceWork> works, Gather(batch));
  STELE_RETURN_IF_ERROR(RunCommands(works));
  for (InstanceWork& work : works) STELE_RETURN_IF_ERROR(Fold(work));
  STELE_RETURN_IF_ERROR(
      commit([&](Transaction& tx) { return writer_.Write(tx, works); }));
  Keep(works);
  return absl::OkStatus();
}

absl::Status CheckOptions(const SagaEngineOptions& options) {
  const auto check = [](const char* name, std::int64_t value,
                        std::int64_t least, std::int64_t most) {
    if (value >= least && value <= most) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("SagaEngineOptions.", name, " is ", value,
                     "; it must be from ", least, " to ", most));
  };
  STELE_RETURN_IF_ERROR(check("slots", options.slots, 1, 1024));
  STELE_RETURN_IF_ERROR(check("cached_instances_max",
                              options.cached_instances_max, 0, 100'000'000));
  STELE_RETURN_IF_ERROR(check("dispatches_max", options.dispatches_max, 1, 64));
  STELE_RETURN_IF_ERROR(
      check("steps_max", options.steps_max, 1, std::int64_t{1} << 40));
  return check("timers_per_tick_max", options.timers_per_tick_max, 1, 10'000);
}

}  // namespace
}  // namespace sagas_internal

ConsumerOptions SagaConsumerOptions(const SagaType& type,
                                    const SagaEngineOptions& options) {
  ConsumerOptions consumer;
  consumer.name = absl::StrCat("saga/", type.name);
  consumer.slots = options.slots;
  for (const auto& [event, handler] : type.events) {
    consumer.types.push_back(event);
  }
  consumer.types.emplace_back(sagas_internal::kSteppedType);
  consumer.types.emplace_back(sagas_internal::kElapsedType);
  consumer.tick = absl::Milliseconds(20);
  consumer.metrics = options.metrics;
  return consumer;
}

absl::StatusOr<std::unique_ptr<BatchHandler>> MakeSagaEngine(
    SagaType type, EventStore& store, SagaStorage& storage,
    Dispatcher& dispatcher, SagaEngineOptions options) {
  STELE_RETURN_IF_ERROR(sagas_internal::CheckOptions(options));
  STELE_RETURN_IF_ERROR(ValidateStreamId(MakeStreamId(type.category, "x")));
  return std::make_unique<sagas_internal::SagaEngine>(
      std::move(type), store, storage, dispatcher, options);
}

}  // namespace stele
