#include "postgres/append/appender.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/backoff.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/errors.h"

namespace stele::postgres_store {
namespace {

namespace asio = boost::asio;

// How often a group is sent that the server rolled back on account of others.
constexpr int kTriesMax = 10;

// The server's own time-out comes first, so that its answer is a certain one.
constexpr absl::Duration kGrace = absl::Seconds(2);

// For each of the two steps of a connection, however little time is left.
constexpr absl::Duration kAttachMin = absl::Seconds(1);

// How often those are looked for that have waited too long.
constexpr absl::Duration kOverdueGapMax = absl::Seconds(1);

absl::Time NewestOf(const AppendQueue::Group& group) {
  absl::Time newest = absl::InfinitePast();
  for (const AppendQueue::Waiting& one : group) {
    newest = std::max(newest, one.since);
  }
  return newest;
}

// True iff the fault may lie in one of several units, so that the others should
// be tried without it.
bool MayBeOneUnitsFault(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kAlreadyExists ||
         status.code() == absl::StatusCode::kFailedPrecondition ||
         status.code() == absl::StatusCode::kInternal;
}

}  // namespace

Appender::Appender(IoThread& thread, const Statements& statements,
                   History& history, HeadTracker& head, AppenderOptions options,
                   Metrics& metrics)
    : thread_(thread),
      statements_(statements),
      head_(head),
      options_(std::move(options)),
      seconds_(metrics.GetHistogram("stele_append_seconds",
                                    "Time from the call to the outcome")),
      group_size_(metrics.GetHistogram("stele_append_group_size",
                                       "Appends that shared one commit")),
      events_(
          metrics.GetCounter("stele_append_events_total", "Events appended")),
      conflicts_(metrics.GetCounter("stele_append_conflicts_total",
                                    "Appends refused for their version")),
      in_doubt_(metrics.GetCounter("stele_append_in_doubt_total",
                                   "Appends whose outcome was not known")),
      waiting_gauge_(metrics.GetGauge("stele_append_waiting",
                                      "Appends waiting for a connection, or "
                                      "parked")),
      parked_gauge_(metrics.GetGauge(
          "stele_append_parked",
          "Appends waiting for streams that other sessions hold, or for names "
          "that they register")),
      parked_lane_(std::make_unique<Lane>(thread, history, options_.connect)),
      interner_(thread, statements, history, options_.connect,
                options_.call_timeout),
      queue_(options_.connections, options_.group_appends_max),
      stopped_(thread.io()) {
  for (int i = 0; i < options_.connections; ++i) {
    lanes_.push_back(std::make_unique<Lane>(thread, history, options_.connect));
  }
}

void Appender::Start() {
  for (const auto& lane : lanes_) thread_.Spawn(Run(*lane));
  thread_.Spawn(RunParked());
  thread_.Spawn(DropOverdue());
}

void Appender::Stop() {
  stopping_ = true;
  for (const Waiting& waiting : queue_.TakeAll()) {
    waiting.done(absl::CancelledError("the store is closing"));
  }
  for (const auto& lane : lanes_) lane->signal.Notify();
  parked_lane_->signal.Notify();
  stopped_.Notify();
  interner_.Stop();
}

void Appender::GiveUp() {
  given_up_ = true;
  for (const auto& lane : lanes_) lane->connection->Close();
  parked_lane_->connection->Close();
}

void Appender::Append(AppendUnit unit, Done done) {
  if (stopping_) return done(absl::CancelledError("the store is closing"));
  if (queue_.appends() >= options_.waiting_appends_max) {
    return done(absl::ResourceExhaustedError(
        absl::StrCat("appending: ", queue_.appends(),
                     " appends are waiting already; slow down, or raise "
                     "waiting_appends_max")));
  }
  queue_.Push(unit, std::move(done));
  ShowWaiting();
  WakeIdle();
}

asio::awaitable<UnitResult> Appender::AsyncAppend(AppendUnit unit) {
  Signal finished(thread_.io());
  bool is_finished = false;
  UnitResult outcome;
  Append(unit, [&](UnitResult result) {
    outcome = std::move(result);
    is_finished = true;
    finished.Notify();
  });
  while (!is_finished) co_await finished.Wait();
  co_return outcome;
}

void Appender::WakeIdle() {
  for (const auto& lane : lanes_) {
    if (!lane->is_idle) continue;
    lane->is_idle = false;
    return lane->signal.Notify();
  }
}

asio::awaitable<void> Appender::DropOverdue() {
  while (!stopping_) {
    FailOverdue();
    co_await stopped_.WaitFor(
        std::min(options_.call_timeout / 8, kOverdueGapMax));
  }
}

void Appender::FailOverdue() {
  const absl::Time overdue = absl::Now() - options_.call_timeout;
  for (const Waiting& waiting : queue_.TakeOlderThan(overdue)) {
    const std::optional<std::string> name =
        interner_.busy().FindIn(waiting.unit);
    if (waiting.held_by_others != nullptr) {
      Finish(waiting, HeldStreamError(*waiting.held_by_others));
    } else if (name.has_value()) {
      Finish(waiting, BusyNameError(*name));
    } else {
      Finish(waiting, absl::DeadlineExceededError(
                          "appending: waited too long for a connection; "
                          "nothing was written"));
    }
  }
  ShowWaiting();
}

asio::awaitable<void> Appender::Run(Lane& lane) {
  while (true) {
    absl::Status connected;
    if (!queue_.empty() && !lane.connection.IsAttached()) {
      // Before a group is taken: what waits meanwhile is timed one by one.
      connected = co_await lane.connection.Attach();
    }
    Group group = queue_.TakeGroup();
    ShowWaiting();
    if (queue_.has_parked()) parked_lane_->signal.Notify();
    if (group.empty()) {
      if (stopping_) break;
      lane.is_idle = true;
      co_await lane.signal.Wait();
      lane.is_idle = false;
      continue;
    }
    if (!queue_.empty()) WakeIdle();
    group_size_.Observe(static_cast<double>(group.size()));
    std::vector<UnitOutcome> outcomes;
    if (connected.ok()) {
      outcomes = co_await RunGroup(lane, group, Wait::kNot);
    } else {
      outcomes.assign(group.size(), UnitOutcome{connected});
    }
    queue_.Release(group);
    Settle(group, std::move(outcomes));
  }
  lane.connection->Close();
}

// Each round: waits a moment for one of them, and then looks which of the
// others are free by now.
asio::awaitable<void> Appender::RunParked() {
  Lane& lane = *parked_lane_;
  while (true) {
    FailOverdue();
    Wait wait = Wait::kNot;
    Group group = queue_.TakeParked();
    if (group.empty()) {
      wait = Wait::kMoment;
      group = queue_.TakeOneParked();
    }
    if (group.empty()) {
      interner_.busy().Clear();
      if (stopping_) break;
      co_await lane.signal.Wait();
      continue;
    }
    std::vector<UnitOutcome> outcomes = co_await RunGroup(lane, group, wait);
    Settle(group, std::move(outcomes));
    if (!queue_.empty()) WakeIdle();
  }
  lane.connection->Close();
}

asio::awaitable<std::vector<UnitOutcome>> Appender::RunGroup(Lane& lane,
                                                             Group& group,
                                                             Wait wait) {
  // That of the newest: older ones fail by their own while they wait.
  const absl::Time deadline = NewestOf(group) + options_.call_timeout;
  std::vector<UnitOutcome> outcomes(group.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < group.size(); ++i) open.push_back(i);
  const auto must_wait = [&](std::size_t i) {
    const std::optional<std::string> name =
        interner_.busy().FindIn(group[i].unit);
    if (!name.has_value()) return false;
    outcomes[i] = {.result = BusyNameError(*name), .must_wait = true};
    return true;
  };
  bool passes_over_busy = wait == Wait::kNot;
  std::vector<UnitOutcome> written;
  while (written.empty()) {
    if (passes_over_busy) std::erase_if(open, must_wait);
    if (open.empty()) co_return outcomes;
    passes_over_busy = true;
    std::vector<AppendUnit> units;
    for (const std::size_t i : open) units.push_back(group[i].unit);
    written = co_await WriteAll(lane, std::move(units), wait, deadline);
  }
  for (std::size_t n = 0; n < open.size(); ++n) {
    if (wait != Wait::kNot) interner_.busy().EraseAllOf(group[open[n]].unit);
    outcomes[open[n]] = std::move(written[n]);
  }
  co_return outcomes;
}

// The outcome of each unit, or none if names have turned out to be busy.
asio::awaitable<std::vector<UnitOutcome>> Appender::WriteAll(
    Lane& lane, std::vector<AppendUnit> units, Wait wait, absl::Time deadline) {
  std::vector<UnitOutcome> outcomes =
      co_await Write(lane, units, wait, deadline);
  if (outcomes.empty() || outcomes.size() == units.size()) co_return outcomes;
  // One error for all; find out whose it is.
  outcomes.clear();
  for (const AppendUnit& unit : units) {
    if (absl::Now() > deadline + kGrace) {
      outcomes.push_back({absl::DeadlineExceededError(
          "appending: others took too long; nothing was written")});
      continue;
    }
    std::vector<AppendUnit> alone(1, unit);
    std::vector<UnitOutcome> outcome =
        co_await Write(lane, alone, wait, deadline);
    if (outcome.empty()) {
      outcome.push_back(
          {.result = BusyNameError(interner_.busy().FindIn(unit).value_or("")),
           .must_wait = true});
    }
    outcomes.push_back(std::move(outcome.front()));
  }
  co_return outcomes;
}

// One outcome a unit, or a single one that stands for a fault in some unit, or
// none if names have turned out to be busy.
asio::awaitable<std::vector<UnitOutcome>> Appender::Write(
    Lane& lane, std::vector<AppendUnit> units, Wait wait, absl::Time deadline) {
  const std::size_t count = units.size();
  AppendBatch batch(std::move(units));
  Backoff backoff({absl::Milliseconds(2), absl::Milliseconds(100)});
  while (true) {
    bool in_doubt = false;
    bool names_are_busy = false;
    absl::StatusOr<std::vector<UnitOutcome>> outcomes = co_await WriteOnce(
        lane, batch, wait, deadline, in_doubt, names_are_busy);
    if (outcomes.ok()) co_return *std::move(outcomes);
    if (names_are_busy) co_return std::vector<UnitOutcome>();
    absl::Status status = outcomes.status();
    if (postgres::IsRolledBack(status) && backoff.failures() < kTriesMax &&
        absl::Now() < deadline) {
      const absl::Duration pause = backoff.Next();
      co_await lane.signal.WaitFor(pause);
      continue;
    }
    if (in_doubt) {
      in_doubt_.Add(static_cast<double>(count));
      status = InDoubtError(absl::StrCat(
          status.message(),
          "; the events may or may not be there: ask again with the same ids"));
    }
    const bool is_one_for_all =
        count > 1 && !in_doubt && MayBeOneUnitsFault(status);
    co_return std::vector<UnitOutcome>(is_one_for_all ? 1 : count,
                                       UnitOutcome{status});
  }
}

asio::awaitable<absl::StatusOr<std::vector<UnitOutcome>>> Appender::WriteOnce(
    Lane& lane, AppendBatch& batch, Wait wait, absl::Time deadline,
    bool& in_doubt, bool& names_are_busy) {
  AdmittedConnection& connection = lane.connection;
  if (given_up_) co_return absl::CancelledError("the store is closing");
  STELE_CO_RETURN_IF_ERROR(
      co_await connection.Attach(std::max(Until(deadline), kAttachMin)));
  STELE_CO_RETURN_IF_ERROR(co_await interner_.ResolveOn(
      connection, batch, deadline, names_are_busy));
  const postgres::Params params = batch.AppendParams(wait);
  absl::StatusOr<postgres::Result> result = co_await connection->Execute(
      "appending", statements_.append, params, Until(deadline) + kGrace);
  if (!result.ok()) {
    in_doubt = connection->outcome_unknown();
    co_return result.status();
  }
  head_.OnCommitted(batch.Placed(*result, AppendBatch::kAppendPositions),
                    connection.run()->history);
  co_return batch.AppendOutcomes(*result);
}

void Appender::Settle(Group& group, std::vector<UnitOutcome> outcomes) {
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (outcomes[i].held.empty() && !outcomes[i].must_wait) {
      queue_.Unhold(group[i].unit);
      Finish(group[i], std::move(outcomes[i].result));
    } else if (stopping_) {
      Finish(group[i], absl::CancelledError("the store is closing"));
    } else {
      queue_.Park(std::move(group[i]), outcomes[i].held);
    }
  }
  ShowWaiting();
}

void Appender::Finish(const Waiting& waiting, UnitResult result) {
  if (result.ok()) {
    for (const AppendRequest& request : waiting.unit) {
      events_.Add(static_cast<double>(request.events.size()));
    }
  }
  if (GetVersionConflict(result.status()).has_value()) conflicts_.Add();
  seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - waiting.since));
  waiting.done(std::move(result));
}

void Appender::ShowWaiting() {
  waiting_gauge_.Set(static_cast<double>(queue_.appends()));
  parked_gauge_.Set(static_cast<double>(queue_.parked_appends()));
}

}  // namespace stele::postgres_store
