#include "consumers/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/invoke_user.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "validate.h"

namespace stele {
namespace {

constexpr absl::Duration kHousekeepingEvery = absl::Seconds(1);
constexpr std::int64_t kIdleCheckpointPositions = 1000;

absl::Status BadOption(const ConsumerOptions& options, const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("consumer ", Quoted(options.name), ": ", what));
}

absl::Status ValidateOptions(const ConsumerOptions& options,
                             const std::string& owner) {
  STELE_RETURN_IF_ERROR(
      ValidateRegister(options.name, options.slots, options.start_position));
  STELE_RETURN_IF_ERROR(ValidateReadLog(
      {.categories = options.categories, .types = options.types}));
  STELE_RETURN_IF_ERROR(
      ValidateAcquire(options.name, {owner, options.types}, options.lease));
  if (options.batch_events_max < 1 || options.batch_events_max > 100'000) {
    return BadOption(options, "batch_events_max must be 1 to 100000");
  }
  if (options.batch_bytes_max < 1) {
    return BadOption(options, "batch_bytes_max must be above 0");
  }
  if (options.tick <= absl::ZeroDuration()) {
    return BadOption(options, "tick must be above 0");
  }
  if (options.scan_positions_max < 1) {
    return BadOption(options, "scan_positions_max must be above 0");
  }
  if (options.handle_time_max <= absl::ZeroDuration()) {
    return BadOption(options, "handle_time_max must be above 0");
  }
  if (options.tries_before_parking < 1) {
    return BadOption(options, "tries_before_parking must be above 0");
  }
  if (options.transient_tries_before_parking < 0) {
    return BadOption(options,
                     "transient_tries_before_parking must not be negative");
  }
  if (options.parked_keys_max < 0) {
    return BadOption(options, "parked_keys_max must not be negative");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::Create(
    EventStore& store, BatchHandler& handler, ConsumerOptions options,
    std::string owner) {
  STELE_RETURN_IF_ERROR(ValidateOptions(options, owner));
  return std::make_unique<ConsumerEngine>(store, handler, std::move(options),
                                          std::move(owner));
}

ConsumerEngine::ConsumerEngine(EventStore& store, BatchHandler& handler,
                               ConsumerOptions options, std::string owner)
    : store_(store),
      handler_(handler),
      options_(std::move(options)),
      owner_({std::move(owner), options_.types}),
      clock_(options_.clock != nullptr ? *options_.clock : SystemClock()),
      progress_(options_.metrics != nullptr ? *options_.metrics : NoMetrics(),
                options_.name, clock_),
      keeper_(store.consumers(),
              {.consumer = options_.name,
               .owner = owner_,
               .lease = options_.lease,
               .handle_time_max = options_.handle_time_max,
               .on_stuck =
                   [this](const absl::Status& why) {
                     progress_.SetStuck(!why.ok());
                     if (!why.ok()) progress_.Failed(why);
                   }},
              clock_),
      retry_(options_.retry),
      tick_retry_(options_.retry),
      batch_size_(options_.batch_events_max) {}

absl::Status ConsumerEngine::Run() {
  absl::Status status = Loop(std::nullopt);
  if (absl::IsCancelled(status) && IsStopping()) return absl::OkStatus();
  return status;
}

absl::Status ConsumerEngine::RunUntil(std::int64_t position) {
  return Loop(position);
}

void ConsumerEngine::Stop() {
  {
    absl::MutexLock lock(&stop_mutex_);
    is_stopping_ = true;
  }
  store_.Interrupt();
}

bool ConsumerEngine::IsStopping() const {
  absl::MutexLock lock(&stop_mutex_);
  return is_stopping_;
}

void ConsumerEngine::Pause(absl::Duration wait) {
  absl::MutexLock lock(&stop_mutex_);
  stop_mutex_.AwaitWithTimeout(absl::Condition(&is_stopping_), wait);
}

absl::Status ConsumerEngine::Loop(std::optional<std::int64_t> until) {
  progress_.SetRunning(true);
  must_reload_ = true;
  must_give_up_ = false;
  keeper_.Start();
  absl::Status status;
  for (bool is_done = false; !is_done;) {
    status = IsStopping() ? absl::CancelledError("the consumer was stopped")
                          : Turn(until, is_done);
    if (status.ok()) {
      retry_.Reset();
      progress_.Succeeded(tick_error_);
      continue;
    }
    if (absl::IsCancelled(status)) break;
    progress_.Failed(status);
    if (!IsTransient(status) || must_give_up_) break;
    Log(LogLevel::kWarning, "consumer will try again",
        {{"consumer", options_.name}, {"error", status.ToString()}});
    must_reload_ = true;
    Pause(std::min(retry_.Next(), options_.lease / 3));
  }
  keeper_.Stop();  // Or it would renew what is released.
  ReleaseLeases(status.ok() || absl::IsCancelled(status));
  progress_.SetRunning(false);
  return status;
}

absl::Status ConsumerEngine::Turn(std::optional<std::int64_t> until,
                                  bool& is_done) {
  keeper_.BeginWork();
  STELE_RETURN_IF_ERROR(KeepLeases());
  STELE_RETURN_IF_ERROR(KeepHouse());
  if (is_paused_) {
    if (until.has_value()) {
      return absl::FailedPreconditionError(
          absl::StrCat("consumer ", Quoted(options_.name), " is paused"));
    }
    Pause(options_.tick);
    return absl::OkStatus();
  }
  if (slots_.empty()) {
    if (until.has_value()) return WaitForOthers(*until, is_done);
    Pause(options_.tick);
    return absl::OkStatus();
  }
  STELE_RETURN_IF_ERROR(Tick());
  STELE_RETURN_IF_ERROR(RetryParked());
  absl::Status key_error;
  const absl::StatusOr<ConsumerPage> page = ReadConsumerPage(
      store_, handler_, options_, slots_, cursor_, batch_size_, key_error);
  STELE_RETURN_IF_ERROR(CheckEpoch());
  if (!key_error.ok()) {
    // Whatever its code: what cannot be understood will not be tomorrow.
    return IsTransient(key_error) ? absl::DataLossError(key_error.message())
                                  : key_error;
  }
  STELE_RETURN_IF_ERROR(page);
  STELE_RETURN_IF_ERROR(HandlePage(*page));
  cursor_ = std::max(cursor_, page->end);
  head_ = page->at_head ? cursor_ : std::max(head_, cursor_);
  progress_.CameTo(cursor_, head_);
  if (until.has_value() && cursor_ >= *until &&
      parked_.Due(clock_.Now()).empty()) {
    STELE_RETURN_IF_ERROR(Checkpoint(/*now=*/true));
    return WaitForOthers(*until, is_done);
  }
  STELE_RETURN_IF_ERROR(Checkpoint(/*now=*/false));
  if (page->at_head) return WaitForEvents();
  return absl::OkStatus();
}

absl::Status ConsumerEngine::KeepEpoch() {
  STELE_ASSIGN_OR_RETURN(const Uuid epoch, store_.Epoch());
  if (epoch == epoch_) return absl::OkStatus();
  if (!epoch_.is_nil()) {
    Log(LogLevel::kError,
        "the log went back; the consumer begins anew at its checkpoints",
        {{"consumer", options_.name}, {"epoch", epoch.ToString()}});
  }
  epoch_ = epoch;
  must_reload_ = true;
  return absl::OkStatus();
}

absl::Status ConsumerEngine::CheckEpoch() {
  STELE_ASSIGN_OR_RETURN(const Uuid epoch, store_.Epoch());
  if (epoch == epoch_) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("consumer ", Quoted(options_.name), ": the log went back"));
}

absl::Status ConsumerEngine::KeepHouse() {
  const absl::Time now = clock_.Now();
  if (now < next_housekeeping_) return absl::OkStatus();
  STELE_ASSIGN_OR_RETURN(is_paused_, storage().IsPaused(options_.name));
  STELE_ASSIGN_OR_RETURN(head_, store_.Head());
  // Also while it is paused, or its handler fails: it falls behind then.
  if (!slots_.empty()) progress_.CameTo(cursor_, head_);
  if (!parked_.empty()) {
    // An operator may have asked for something.
    STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> parked,
                           storage().ListParked(options_.name));
    parked_.Load(parked, slots_);
    progress_.SetParkedKeys(parked_.size());
  }
  next_housekeeping_ = now + kHousekeepingEvery;
  return absl::OkStatus();
}

absl::Status ConsumerEngine::Tick() {
  const absl::Time now = clock_.Now();
  if (std::exchange(skips_tick_, false) || now < next_tick_) {
    return absl::OkStatus();
  }
  const std::vector<int> numbers = slots_.Numbers();
  keeper_.BeginWork();
  tick_error_ =
      InvokeUser(options_.name, [&] { return handler_.OnTick(numbers); });
  if (tick_error_.ok()) {
    tick_retry_.Reset();
    next_tick_ = now + options_.tick;
  } else {  // Events have the next turn, however the clock stands then.
    skips_tick_ = true;
    next_tick_ = clock_.Now() + std::max(options_.tick, tick_retry_.Next());
  }
  return tick_error_;
}

absl::Status ConsumerEngine::WaitForEvents() {
  const absl::StatusOr<std::int64_t> head =
      store_.WaitForHead(cursor_, SystemClock().Now() + options_.tick);
  // Somebody is being stopped; if it is not us, we go on.
  if (absl::IsCancelled(head.status())) return absl::OkStatus();
  STELE_RETURN_IF_ERROR(CheckEpoch());
  STELE_RETURN_IF_ERROR(head);
  head_ = *head;
  return absl::OkStatus();
}

absl::Status ConsumerEngine::WaitForOthers(std::int64_t position,
                                           bool& is_done) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> consumers,
                         storage().List());
  for (const ConsumerStatus& consumer : consumers) {
    if (consumer.name != options_.name) continue;
    is_done = std::all_of(
        consumer.slots.begin(), consumer.slots.end(),
        [&](const SlotStatus& slot) { return slot.position >= position; });
  }
  if (!is_done) Pause(options_.tick);
  return absl::OkStatus();
}

absl::Status ConsumerEngine::Checkpoint(bool now) {
  const std::vector<SlotAdvance> advances = slots_.AdvancesTo(cursor_);
  if (advances.empty()) return absl::OkStatus();
  const bool is_far =
      cursor_ - slots_.least_position() >= kIdleCheckpointPositions;
  if (!now && !is_far && clock_.Now() < next_checkpoint_) {
    return absl::OkStatus();
  }
  STELE_RETURN_IF_ERROR(
      Commit(advances, [](Transaction&) { return absl::OkStatus(); }));
  slots_.MovedTo(cursor_);
  next_checkpoint_ = clock_.Now() + kIdleCheckpointEvery;
  return absl::OkStatus();
}

}  // namespace stele
