#include "stele/sagas/saga_engine.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "batch.h"
#include "command_runner.h"
#include "engine_metrics.h"
#include "engine_options.h"
#include "fold.h"
#include "instance.h"
#include "instance_cache.h"
#include "place.h"
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

// True of what stands in the streams of the instances themselves.
bool IsOwnType(std::string_view type) {
  return type == kSteppedType || type == kElapsedType || type == kGivenUpType;
}

// True iff the stream of an instance has gone on since `kept` was: whoever
// writes there besides the engine, an operator who gave up an undo, say, cannot
// tell it.
bool IsOutdated(const SagaInstance& kept,
                std::span<const RecordedEvent* const> events) {
  return std::any_of(
      events.begin(), events.end(), [&](const RecordedEvent* event) {
        return IsOwnType(event->type) && event->version > kept.version;
      });
}

StoredSagaAnswer GivenUpAnswer(const SagaUndoGivenUp& given_up) {
  StoredSagaAnswer answer;
  answer.set_command_id(given_up.command_id());
  answer.set_command_type(given_up.command_type());
  answer.set_given_up(true);
  return answer;
}

// Of an event that was parked under another key than its instance's.
absl::Status TooLateError(const std::string& saga, const std::string& id,
                          const RecordedEvent& event) {
  return absl::FailedPreconditionError(absl::StrCat(
      "event ", event.id.ToString(), " of type ", event.type,
      " can be read by now, but instance ", Quoted(id), " of saga ", saga,
      " has gone on to what came after it; discard it, and do for the instance "
      "what is to be done"));
}

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
  // The error of an event that leads to no instance.
  absl::Status WhyNoInstance(const RecordedEvent& event) const;
  // The instance that the event leads to; nullopt if it does by now to none.
  absl::StatusOr<std::optional<std::string>> InstanceOf(
      const KeyedEvent& keyed);
  // OK iff the instance has nothing to handle before `event`, whose key is not
  // the instance's.
  absl::Status CheckTurn(const std::string& id, const RecordedEvent& event);
  absl::StatusOr<std::vector<InstanceWork>> Gather(
      std::span<const KeyedEvent> batch);
  absl::Status RunCommands(std::vector<InstanceWork>& works);
  absl::Status Fold(InstanceWork& work);
  absl::Status FoldEvent(InstanceWork& work, const RecordedEvent& event);
  // The answers to the commands of `event`, a step.
  absl::Status FoldAnswers(InstanceWork& work, const RecordedEvent& event);
  absl::Status FoldInput(InstanceWork& work, const SagaInput& input);
  void LogDropped(const InstanceWork& work, const SagaInput& input,
                  Verdict verdict) const;
  void LogGivenUp(const InstanceWork& work, const SagaStepped& step) const;
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
  if (IsOwnType(event.type)) {
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

// What was parked for it has its old key still, but may be readable by now.
absl::StatusOr<std::optional<std::string>> SagaEngine::InstanceOf(
    const KeyedEvent& keyed) {
  if (!keyed.key.starts_with(kBadIdPrefix)) return keyed.key;
  STELE_ASSIGN_OR_RETURN(std::optional<std::string> id, KeyOf(keyed.event));
  if (id.has_value() && id->starts_with(kBadIdPrefix)) {
    return WhyNoInstance(keyed.event);
  }
  if (id.has_value()) STELE_RETURN_IF_ERROR(CheckTurn(*id, keyed.event));
  return id;
}

absl::Status SagaEngine::CheckTurn(const std::string& id,
                                   const RecordedEvent& event) {
  STELE_ASSIGN_OR_RETURN(
      const Place place,
      FindPlace(store_.consumers(), SagaConsumerOptions(type_, options_).name,
                id));
  if (!place.IsAhead(event.position)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "event ", event.id.ToString(), " of type ", event.type,
      " can be read by now, but instance ", Quoted(id), " of saga ", type_.name,
      " has yet to handle what came before it; try again when it "
      "has"));
}

absl::StatusOr<std::vector<InstanceWork>> SagaEngine::Gather(
    std::span<const KeyedEvent> batch) {
  std::vector<InstanceWork> works;
  absl::flat_hash_map<std::string, std::size_t> index;
  for (const KeyedEvent& keyed : batch) {
    STELE_ASSIGN_OR_RETURN(const std::optional<std::string> id,
                           InstanceOf(keyed));
    if (!id.has_value()) continue;
    const auto [found, is_new] = index.try_emplace(*id, works.size());
    if (is_new) works.emplace_back().id = *id;
    works[found->second].events.push_back(&keyed.event);
    works[found->second].is_late = keyed.key != *id;
  }
  for (InstanceWork& work : works) {
    std::optional<SagaInstance> kept = cache_.Take(work.id);
    if (kept.has_value() && !IsOutdated(*kept, work.events)) {
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
      const bool is_given_up =
          !step.undoing_command_id().empty() &&
          step.undoing_command_id() == work.instance.given_up_command_id;
      work.commands.push_back({.event = event,
                               .step = std::move(step),
                               .answers = {},
                               .is_undo_given_up = is_given_up});
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

absl::Status SagaEngine::FoldAnswers(InstanceWork& work,
                                     const RecordedEvent& event) {
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

absl::Status SagaEngine::FoldEvent(InstanceWork& work,
                                   const RecordedEvent& event) {
  if (IsRepeated(work.instance, event)) {
    if (work.is_late) return TooLateError(type_.name, work.id, event);
    work.dropped.push_back(Verdict::kRepeated);
    return absl::OkStatus();
  }
  if (event.type == kSteppedType) return FoldAnswers(work, event);
  SagaInput input = {.event = &event};
  if (event.type == kElapsedType) {
    STELE_ASSIGN_OR_RETURN(const SagaTimerElapsed elapsed, ParseElapsed(event));
    input.elapsed = &elapsed.timer();
    return FoldInput(work, input);
  }
  if (event.type == kGivenUpType) {
    STELE_ASSIGN_OR_RETURN(const SagaUndoGivenUp given_up, ParseGivenUp(event));
    input.answer = GivenUpAnswer(given_up);
  }
  return FoldInput(work, input);
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

void SagaEngine::LogGivenUp(const InstanceWork& work,
                            const SagaStepped& step) const {
  Log(LogLevel::kWarning, "saga goes on without an undo that was given up",
      {{"saga", type_.name},
       {"instance", work.id},
       {"command", step.answer().command_type()},
       {"step", absl::StrCat(step.step())}});
}

void SagaEngine::Keep(std::vector<InstanceWork>& works) {
  for (InstanceWork& work : works) {
    for (const StepDraft& draft : work.drafts) {
      metrics_.Stepped(draft.step.status());
      if (draft.step.answer().given_up()) LogGivenUp(work, draft.step);
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

}  // namespace
}  // namespace sagas_internal

absl::StatusOr<std::unique_ptr<BatchHandler>> MakeSagaEngine(
    SagaType type, EventStore& store, SagaStorage& storage,
    Dispatcher& dispatcher, SagaEngineOptions options) {
  STELE_RETURN_IF_ERROR(sagas_internal::CheckOptions(options));
  STELE_RETURN_IF_ERROR(ValidateStreamId(MakeStreamId(type.category, "x")));
  return std::make_unique<sagas_internal::SagaEngine>(
      std::move(type), store, storage, dispatcher, options);
}

}  // namespace stele
