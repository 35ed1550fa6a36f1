#include "postgres/head.h"

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/postgres/identifier.h"

namespace stele::postgres_store {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kDoing = "following the head";

// While something is in flight, and while nothing is: the safety net under the
// notifications.
constexpr absl::Duration kPollFirst = absl::Milliseconds(1);
constexpr absl::Duration kPollInFlight = absl::Milliseconds(20);
constexpr absl::Duration kPollIdle = absl::Milliseconds(250);

// Other processes are told at most this often.
constexpr absl::Duration kAnnounceGap = absl::Milliseconds(1);

// Committed runs beyond a hole that we remember; beyond that we ask the server.
constexpr std::size_t kRunsMax = 10'000;

// Of the events that the head passes at once, how many of the first and of the
// last we keep in mind. Mostly the head waited for the first.
constexpr int kPassedMax = 1000;

absl::Status ServerChangedError() {
  return absl::UnavailableError("the server has changed meanwhile");
}

// An announcement that is lost in a crash is no loss.
postgres::ConnectOptions Hasty(postgres::ConnectOptions connect) {
  connect.session_sql += "SET synchronous_commit = off;";
  return connect;
}

}  // namespace

std::int64_t Head::Bound(std::int64_t last_value,
                         const std::vector<std::uint32_t>& floors) const {
  std::int64_t bound = last_value;
  for (const std::uint32_t low_bits : floors) {
    // The floor is the position with these low bits that lies nearest to the
    // head, or as long as that is not known, to the last value. It may lie
    // before the head when events of ours carried the head past the floor of
    // somebody who had no position yet.
    const std::int64_t near = is_known_ ? position_ : last_value;
    const std::uint32_t ahead = low_bits - static_cast<std::uint32_t>(near);
    bound = std::min(bound, near + static_cast<std::int32_t>(ahead));
  }
  return std::max<std::int64_t>(bound, 0);
}

void Head::MoveTo(std::int64_t position) {
  is_known_ = true;
  position_ = std::max(position_, position);
  Absorb();
}

void Head::Committed(const std::vector<std::int64_t>& positions) {
  for (std::size_t i = 0; i < positions.size();) {
    std::size_t end = i + 1;
    while (end < positions.size() && positions[end] == positions[end - 1] + 1) {
      ++end;
    }
    if (runs_.size() < kRunsMax) {
      std::int64_t& last = runs_[positions[i]];
      last = std::max(last, positions[end - 1]);
    }
    i = end;
  }
  Absorb();
}

void Head::Absorb() {
  if (!is_known_) return;
  while (!runs_.empty() && runs_.begin()->first <= position_ + 1) {
    position_ = std::max(position_, runs_.begin()->second);
    runs_.erase(runs_.begin());
  }
}

HeadTracker::HeadTracker(IoThread& thread, const Statements& statements,
                         History& history, postgres::ConnectOptions connect,
                         std::string channel, absl::Duration call_timeout,
                         Metrics& metrics)
    : thread_(thread),
      statements_(statements),
      history_(history),
      channel_(std::move(channel)),
      call_timeout_(call_timeout),
      head_gauge_(metrics.GetGauge("stele_head_position",
                                   "Position up to which the log is complete")),
      lag_gauge_(metrics.GetGauge(
          "stele_head_lag",
          "Positions given out beyond the head, as last seen")),
      lookups_(metrics.GetCounter("stele_head_lookups_total",
                                  "Times the server was asked for the head")),
      room_(thread, statements, connect, call_timeout),
      follower_(thread.io(), thread.blocking(), history, connect),
      announcer_(thread.io(), thread.blocking(), Hasty(std::move(connect))),
      look_signal_(thread.io()),
      announce_signal_(thread.io()) {}

void HeadTracker::Start() {
  thread_.Spawn(Follow());
  thread_.Spawn(Announce());
  room_.Start();
}

void HeadTracker::Stop() {
  stopping_ = true;
  look_signal_.Notify();
  announce_signal_.Notify();
  follower_->Close();
  announcer_.Close();
  room_.Stop();
  Interrupt();
}

HeadAt HeadTracker::head() const {
  absl::MutexLock lock(&mutex_);
  return published_;
}

asio::awaitable<absl::StatusOr<HeadAt>> HeadTracker::Refresh() {
  if (stopping_) co_return absl::CancelledError("the store is closing");
  struct Question {
    explicit Question(asio::io_context& io) : answered(io) {}
    Signal answered;
    std::optional<Result> answer;
  };
  // Shared, for the answer may come when nobody waits for it any more.
  const auto question = std::make_shared<Question>(thread_.io());
  waiters_.push_back([question](Result result) {
    question->answer = std::move(result);
    question->answered.Notify();
  });
  look_wanted_ = true;
  follower_->Wake();
  look_signal_.Notify();
  const absl::Time deadline = absl::Now() + call_timeout_;
  while (!question->answer.has_value()) {
    if (absl::Now() >= deadline) {
      co_return absl::DeadlineExceededError(
          "looking up the head: the server did not answer in time");
    }
    co_await question->answered.WaitFor(Until(deadline));
  }
  co_return *question->answer;
}

absl::StatusOr<std::int64_t> HeadTracker::WaitFor(std::int64_t position,
                                                  absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const std::int64_t interrupts = interrupts_;
  const std::uint64_t history = published_.history;
  const auto is_over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return published_.position > position || interrupts_ != interrupts ||
           published_.history != history;
  };
  mutex_.AwaitWithDeadline(absl::Condition(&is_over), deadline);
  if (published_.history != history) return HistoryLostError();
  if (published_.position <= position && interrupts_ != interrupts) {
    return absl::CancelledError("waiting for the head was interrupted");
  }
  return published_.position;
}

void HeadTracker::Interrupt() {
  absl::MutexLock lock(&mutex_);
  ++interrupts_;
}

void HeadTracker::OnCommitted(std::vector<PlacedEvent> events,
                              std::uint64_t history) {
  if (events.empty()) return;
  history_.Saw(events, history);
  thread_.Post([this, events = std::move(events), history] {
    if (history < history_number_) return;  // They are lost.
    Adopt(history);
    std::vector<std::int64_t> positions;
    positions.reserve(events.size());
    for (const PlacedEvent& event : events) positions.push_back(event.position);
    state_.Committed(positions);
    Publish();
    if (positions.back() > state_.position() && is_settled_) {
      // Mostly another group of ours that will be committed in a moment; if
      // not, the follower will find out.
      is_settled_ = false;
      follower_->Wake();
    }
    announce_wanted_ = true;
    announce_signal_.Notify();
  });
}

void HeadTracker::Publish() {
  head_gauge_.Set(static_cast<double>(state_.position()));
  absl::MutexLock lock(&mutex_);
  published_ = {state_.position(), history_number_};
}

void HeadTracker::Adopt(std::uint64_t history) {
  if (history == history_number_) return;
  state_ = Head();
  settled_value_ = -1;
  history_number_ = history;
  Publish();
}

void HeadTracker::Answer(std::vector<Waiter> waiters,
                         const absl::Status& status) {
  for (const Waiter& waiter : waiters) {
    waiter(status.ok() ? Result(HeadAt{state_.position(), history_number_})
                       : Result(status));
  }
}

asio::awaitable<absl::Status> HeadTracker::Attach() {
  settled_value_ = -1;
  STELE_CO_RETURN_IF_ERROR(co_await follower_.Attach());
  if (follower_.run()->history > history_number_) {
    Adopt(follower_.run()->history);
  }
  co_return co_await follower_->Run(
      kDoing, absl::StrCat("LISTEN ", postgres::QuoteIdentifier(channel_)),
      call_timeout_);
}

// Three statements, each with its own snapshot, in this order. See Head.
asio::awaitable<absl::Status> HeadTracker::Look() {
  const postgres::Params none;
  lookups_.Add();
  auto last = co_await follower_->Execute(kDoing, statements_.last_position,
                                          none, call_timeout_);
  STELE_CO_RETURN_IF_ERROR(last);
  if (last->GetUuid(0, 2) != follower_.run()->epoch) {
    // Somebody says that this is another history: all that is known goes.
    follower_->Close();
    STELE_CO_RETURN_IF_ERROR(co_await Attach());
    co_return co_await Look();
  }
  if (follower_.run()->history != history_number_) {
    co_return ServerChangedError();
  }
  const std::int64_t last_value = last->GetInt8(0, 0);
  lag_gauge_.Set(static_cast<double>(
      std::max<std::int64_t>(0, last_value - state_.position())));
  if (last->GetBool(0, 1)) room_.Want();
  if (last_value == settled_value_) co_return absl::OkStatus();
  co_return co_await LookUpTo(last_value);
}

asio::awaitable<absl::Status> HeadTracker::LookUpTo(std::int64_t last_value) {
  const postgres::Params none;
  const ServerRunPtr run = follower_.run();
  auto floors = co_await follower_->Execute(kDoing, statements_.floors, none,
                                            call_timeout_);
  STELE_CO_RETURN_IF_ERROR(floors);
  std::vector<std::uint32_t> low_bits;
  for (int row = 0; row < floors->rows(); ++row) {
    low_bits.push_back(static_cast<std::uint32_t>(floors->GetInt8(row, 0)));
  }
  const std::int64_t bound = state_.Bound(last_value, low_bits);

  // Only up to an event, not into a hole at the end: after a crash the sequence
  // may give out again what nobody committed.
  auto passed = co_await EventsUpTo(bound);
  STELE_CO_RETURN_IF_ERROR(passed);
  if (run->history != history_number_) co_return ServerChangedError();
  history_.Saw(*passed, run->history);
  state_.MoveTo(passed->empty() ? 0 : passed->back().position);
  is_settled_ = bound >= last_value;
  settled_value_ = is_settled_ ? last_value : -1;
  Publish();
  co_return absl::OkStatus();
}

// Those after the head, for the last of them is the next; of very many only the
// first and the last. Some may come twice.
asio::awaitable<absl::StatusOr<std::vector<PlacedEvent>>>
HeadTracker::EventsUpTo(std::int64_t bound) {
  postgres::Params range;
  range.Int8(state_.position()).Int8(bound).Int8(kPassedMax);
  std::vector<PlacedEvent> events;
  auto last = co_await follower_->Execute(kDoing, statements_.last_rows, range,
                                          call_timeout_);
  STELE_CO_RETURN_IF_ERROR(last);
  if (last->rows() == kPassedMax) {
    auto first = co_await follower_->Execute(kDoing, statements_.first_rows,
                                             range, call_timeout_);
    STELE_CO_RETURN_IF_ERROR(first);
    for (int row = 0; row < first->rows(); ++row) {
      events.push_back({first->GetInt8(row, 0), first->GetUuid(row, 1)});
    }
  }
  for (int row = last->rows() - 1; row >= 0; --row) {
    events.push_back({last->GetInt8(row, 0), last->GetUuid(row, 1)});
  }
  co_return events;
}

asio::awaitable<void> HeadTracker::Follow() {
  Backoff backoff({absl::Milliseconds(20), absl::Seconds(2)});
  while (!stopping_) {
    std::vector<Waiter> waiters = std::exchange(waiters_, {});
    look_wanted_ = false;
    absl::Status status;
    if (!follower_.IsAttached()) status = co_await Attach();
    if (status.ok()) status = co_await Look();
    Answer(std::move(waiters), status);
    if (stopping_) break;
    if (!status.ok()) {
      if (backoff.failures() == 0) {
        Log(LogLevel::kWarning, "cannot follow the head of the log",
            {{"error", std::string(status.message())}});
      }
      follower_->Close();
      const absl::Duration wait = backoff.Next();
      if (waiters_.empty()) co_await look_signal_.WaitFor(wait);
      continue;
    }
    backoff.Reset();
    poll_ = is_settled_ ? absl::ZeroDuration()
                        : std::clamp(poll_ * 2, kPollFirst, kPollInFlight);
    co_await Rest();
  }
  Answer(std::exchange(waiters_, {}), absl::CancelledError("closing"));
}

// Until there is reason to look again.
asio::awaitable<void> HeadTracker::Rest() {
  // Not the time of day, which may be set back.
  const auto began = std::chrono::steady_clock::now();
  while (!stopping_ && !look_wanted_) {
    const absl::Duration passed =
        absl::FromChrono(std::chrono::steady_clock::now() - began);
    const absl::Duration left =
        (is_settled_ ? kPollIdle : std::max(poll_, kPollFirst)) - passed;
    if (left <= absl::ZeroDuration()) break;
    const auto heard = co_await follower_->WaitForNotifications(left);
    if (!heard.ok()) break;  // Attaching again is part of looking.
    // What we announced ourselves is no news.
    const int us = announcer_.server_pid();
    if (std::any_of(heard->begin(), heard->end(),
                    [us](const auto& news) { return news.sender_pid != us; })) {
      break;
    }
  }
}

asio::awaitable<void> HeadTracker::Announce() {
  while (!stopping_) {
    if (!announce_wanted_) {
      co_await announce_signal_.Wait();
      continue;
    }
    announce_wanted_ = false;
    if (!announcer_.LooksAlive()) {
      const absl::Status status = co_await announcer_.Connect();
      if (stopping_) break;
      if (!status.ok()) {
        // Others poll; they find out anyhow.
        co_await announce_signal_.WaitFor(absl::Milliseconds(100));
        continue;
      }
    }
    postgres::Params params;
    params.Text(channel_);
    (co_await announcer_.Execute("announcing appends", statements_.notify,
                                 params, call_timeout_))
        .status()
        .IgnoreError();  // Others poll.
    if (stopping_) break;
    co_await announce_signal_.WaitFor(kAnnounceGap);
  }
}

}  // namespace stele::postgres_store
