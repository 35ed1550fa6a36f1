#include "postgres_appender.h"

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

constexpr std::size_t kGroupBytesMax = 8 << 20;
constexpr std::size_t kGroupEventsMax = 20'000;

// How far back in the queue a group is gathered from when streams are busy.
constexpr int kScanMax = 4096;

// How often a group is sent that the server rolled back on account of others.
constexpr int kTriesMax = 10;

// The server's own time-out comes first, so that its answer is a certain one.
constexpr absl::Duration kGrace = absl::Seconds(2);

// How often those are looked for that have waited too long.
constexpr absl::Duration kOverdueGapMax = absl::Seconds(1);

std::size_t BytesOf(AppendUnit unit) {
  std::size_t bytes = 0;
  for (const AppendRequest& request : unit) {
    for (const NewEvent& event : request.events) {
      bytes += event.payload.size() + event.metadata.size() + 64;
    }
  }
  return bytes;
}

std::size_t EventsOf(AppendUnit unit) {
  std::size_t events = 0;
  for (const AppendRequest& request : unit) events += request.events.size();
  return events;
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
                                      "Appends waiting for a connection")),
      interner_(std::make_unique<Lane>(thread, history, options_.connect)),
      stopped_(thread.io()) {
  for (int i = 0; i < options_.connections; ++i) {
    lanes_.push_back(std::make_unique<Lane>(thread, history, options_.connect));
  }
}

void Appender::Start() {
  for (const auto& lane : lanes_) thread_.Spawn(Run(*lane));
  thread_.Spawn(DropOverdue());
}

void Appender::Stop() {
  stopping_ = true;
  std::list<Waiting> queue = std::exchange(queue_, {});
  queued_appends_ = 0;
  for (Waiting& waiting : queue) {
    waiting.done(absl::CancelledError("the store is closing"));
  }
  for (const auto& lane : lanes_) lane->signal.Notify();
  stopped_.Notify();
  interner_->signal.Notify();
  interner_->connection->Close();
}

void Appender::GiveUp() {
  given_up_ = true;
  for (const auto& lane : lanes_) lane->connection->Close();
}

void Appender::Append(AppendUnit unit, Done done) {
  if (stopping_) return done(absl::CancelledError("the store is closing"));
  if (queued_appends_ >= options_.waiting_appends_max) {
    return done(absl::ResourceExhaustedError(
        absl::StrCat("appending: ", queued_appends_,
                     " appends are waiting already; slow down, or raise "
                     "waiting_appends_max")));
  }
  queue_.push_back({unit, std::move(done), BytesOf(unit), absl::Now()});
  queued_appends_ += static_cast<std::int64_t>(unit.size());
  waiting_gauge_.Set(static_cast<double>(queued_appends_));
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

bool Appender::Fits(
    const Waiting& waiting,
    const absl::flat_hash_set<std::string_view>& held_back) const {
  return std::none_of(waiting.unit.begin(), waiting.unit.end(),
                      [&](const AppendRequest& request) {
                        return busy_streams_.contains(request.stream_id) ||
                               held_back.contains(request.stream_id);
                      });
}

asio::awaitable<void> Appender::DropOverdue() {
  while (!stopping_) {
    const absl::Time overdue = absl::Now() - options_.call_timeout;
    while (!queue_.empty() && queue_.front().since < overdue) {
      Waiting& oldest = queue_.front();
      queued_appends_ -= static_cast<std::int64_t>(oldest.unit.size());
      oldest.done(absl::DeadlineExceededError(
          "appending: waited too long for a connection; nothing was written"));
      queue_.pop_front();
    }
    waiting_gauge_.Set(static_cast<double>(queued_appends_));
    co_await stopped_.WaitFor(
        std::min(options_.call_timeout / 8, kOverdueGapMax));
  }
}

// The oldest units whose streams are free. Not all that wait, but this lane's
// share, so that the other lanes are not left without work.
Appender::Group Appender::TakeGroup() {
  const std::int64_t lanes = static_cast<std::int64_t>(lanes_.size());
  const std::int64_t outstanding =
      static_cast<std::int64_t>(queue_.size()) + in_flight_units_;
  const std::int64_t share = (outstanding + lanes - 1) / lanes;
  Group group;
  std::int64_t appends = 0;
  std::size_t bytes = 0;
  std::size_t events = 0;
  int scanned = 0;
  // Whoever waits for a stream goes before all who came later.
  absl::flat_hash_set<std::string_view> held_back;
  for (auto it = queue_.begin(); it != queue_.end() && scanned < kScanMax;
       ++scanned) {
    if (static_cast<std::int64_t>(group.size()) >= share) break;
    Waiting& waiting = *it;
    const auto size = static_cast<std::int64_t>(waiting.unit.size());
    const std::size_t more = EventsOf(waiting.unit);
    if (!group.empty() && (appends + size > options_.group_appends_max ||
                           bytes + waiting.bytes > kGroupBytesMax ||
                           events + more > kGroupEventsMax)) {
      break;
    }
    if (!Fits(waiting, held_back)) {
      for (const AppendRequest& request : waiting.unit) {
        held_back.insert(request.stream_id);
      }
      ++it;
      continue;
    }
    for (const AppendRequest& request : waiting.unit) {
      busy_streams_.insert(request.stream_id);
    }
    appends += size;
    bytes += waiting.bytes;
    events += more;
    queued_appends_ -= size;
    group.push_back(std::move(waiting));
    it = queue_.erase(it);
  }
  in_flight_units_ += static_cast<std::int64_t>(group.size());
  waiting_gauge_.Set(static_cast<double>(queued_appends_));
  return group;
}

asio::awaitable<void> Appender::Run(Lane& lane) {
  while (true) {
    absl::Status connected;
    if (!queue_.empty() && !lane.connection.IsAttached()) {
      // Before a group is taken: what waits meanwhile is timed one by one.
      connected = co_await lane.connection.Attach();
    }
    Group group = TakeGroup();
    if (group.empty()) {
      if (stopping_) break;
      lane.is_idle = true;
      co_await lane.signal.Wait();
      lane.is_idle = false;
      continue;
    }
    if (!queue_.empty()) WakeIdle();
    if (connected.ok()) {
      co_await RunGroup(lane, group);
    } else {
      Finish(group, std::vector<UnitResult>(group.size(), connected));
    }
  }
  lane.connection->Close();
}

asio::awaitable<void> Appender::RunGroup(Lane& lane, Group& group) {
  std::vector<AppendUnit> units;
  for (const Waiting& waiting : group) units.push_back(waiting.unit);
  group_size_.Observe(static_cast<double>(units.size()));
  // That of the oldest.
  const absl::Time deadline = group.front().since + options_.call_timeout;
  std::vector<UnitResult> results = co_await Write(lane, units, deadline);
  if (results.size() == 1 && units.size() > 1) {
    // One error for all; find out whose it is.
    const absl::Status fault = results.front().status();
    results.clear();
    for (const AppendUnit& unit : units) {
      if (absl::Now() > deadline + kGrace) {
        results.push_back(absl::DeadlineExceededError(
            "appending: others took too long; nothing was written"));
        continue;
      }
      std::vector<AppendUnit> alone(1, unit);
      std::vector<UnitResult> result = co_await Write(lane, alone, deadline);
      results.push_back(std::move(result.front()));
    }
  }
  Finish(group, std::move(results));
}

// One result a unit, or a single one that stands for a fault in some unit.
asio::awaitable<std::vector<UnitResult>> Appender::Write(
    Lane& lane, std::vector<AppendUnit> units, absl::Time deadline) {
  const std::size_t count = units.size();
  AppendBatch batch(std::move(units));
  Backoff backoff({absl::Milliseconds(2), absl::Milliseconds(100)});
  while (true) {
    bool in_doubt = false;
    absl::StatusOr<std::vector<UnitResult>> results =
        co_await WriteOnce(lane, batch, deadline, in_doubt);
    if (results.ok()) co_return *std::move(results);
    absl::Status status = results.status();
    if (postgres::IsRolledBack(status) && backoff.failures() < kTriesMax &&
        absl::Now() < deadline) {
      const absl::Duration wait = backoff.Next();
      co_await lane.signal.WaitFor(wait);
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
    co_return std::vector<UnitResult>(is_one_for_all ? 1 : count,
                                      UnitResult(status));
  }
}

asio::awaitable<absl::StatusOr<std::vector<UnitResult>>> Appender::WriteOnce(
    Lane& lane, AppendBatch& batch, absl::Time deadline, bool& in_doubt) {
  AdmittedConnection& connection = lane.connection;
  if (given_up_) co_return absl::CancelledError("the store is closing");
  STELE_CO_RETURN_IF_ERROR(co_await connection.Attach(Until(deadline)));
  STELE_CO_RETURN_IF_ERROR(co_await InternOn(connection, batch, deadline));
  const postgres::Params params = batch.AppendParams();
  absl::StatusOr<postgres::Result> result = co_await connection->Execute(
      "appending", statements_.append, params, Until(deadline) + kGrace);
  if (!result.ok()) {
    in_doubt = connection->outcome_unknown();
    co_return result.status();
  }
  head_.OnCommitted(batch.Placed(*result, AppendBatch::kAppendPositions),
                    connection.run()->history);
  co_return batch.AppendResults(*result);
}

asio::awaitable<absl::Status> Appender::InternNames(
    AdmittedConnection& connection, std::string_view doing,
    const postgres::Statement& statement,
    const std::vector<std::string_view>& missing, absl::Time deadline,
    Names<std::int32_t>& known) {
  if (missing.empty()) co_return absl::OkStatus();
  postgres::Params params;
  params.Texts(missing);
  auto result = co_await connection->Execute(doing, statement, params,
                                             Until(deadline) + kGrace);
  STELE_CO_RETURN_IF_ERROR(result);
  const std::vector<std::int32_t> ids = result->GetInt4s(0, 0);
  for (std::size_t i = 0; i < ids.size(); ++i) known.Add(ids[i], missing[i]);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Appender::InternOn(AdmittedConnection& connection,
                                                 AppendBatch& batch,
                                                 absl::Time deadline) {
  KnownNames& names = connection.run()->names;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const AppendBatch::MissingNames missing = batch.Resolve(names);
    if (missing.empty()) co_return absl::OkStatus();
    STELE_CO_RETURN_IF_ERROR(co_await InternNames(
        connection, "registering event types", statements_.intern_types,
        missing.types, deadline, names.types));
    STELE_CO_RETURN_IF_ERROR(
        co_await InternNames(connection, "registering stream categories",
                             statements_.intern_categories, missing.categories,
                             deadline, names.categories));
  }
  co_return absl::ResourceExhaustedError(
      "appending: more event types at a time than can be kept in mind");
}

asio::awaitable<absl::Status> Appender::Intern(AppendBatch& batch,
                                               ServerRunPtr run) {
  const absl::Time deadline = absl::Now() + options_.call_timeout;
  while (interner_is_busy_ && !stopping_ && absl::Now() < deadline) {
    co_await interner_->signal.WaitFor(Until(deadline));
  }
  if (stopping_) co_return absl::CancelledError("the store is closing");
  if (interner_is_busy_) {
    co_return absl::DeadlineExceededError(
        "registering names: waited too long for a connection");
  }
  interner_is_busy_ = true;
  absl::Status status = co_await interner_->connection.Attach(Until(deadline));
  if (status.ok() && interner_->connection.run() != run) {
    status =
        absl::UnavailableError("appending: the server was restarted meanwhile");
  }
  if (status.ok()) {
    status = co_await InternOn(interner_->connection, batch, deadline);
  }
  interner_is_busy_ = false;
  interner_->signal.Notify();
  co_return status;
}

void Appender::Finish(Group& group, std::vector<UnitResult> results) {
  const absl::Time now = absl::Now();
  in_flight_units_ -= static_cast<std::int64_t>(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    for (const AppendRequest& request : group[i].unit) {
      busy_streams_.erase(request.stream_id);
      if (results[i].ok()) {
        events_.Add(static_cast<double>(request.events.size()));
      }
    }
    if (GetVersionConflict(results[i].status()).has_value()) conflicts_.Add();
    seconds_.Observe(absl::ToDoubleSeconds(now - group[i].since));
    group[i].done(std::move(results[i]));
  }
}

}  // namespace stele::postgres_store
