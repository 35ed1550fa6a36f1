#include "stele/outbox/inbox.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "inbox_lease.h"
#include "inbox_progress.h"
#include "inbox_work.h"
#include "stele/base/status.h"

namespace stele {
namespace {

using outbox_internal::InboxLease;
using outbox_internal::InboxProgress;
using outbox_internal::InboxWork;
using outbox_internal::Outcome;
using SteadyClock = std::chrono::steady_clock;

// How long one fetch waits: the beat at which everything else is looked after.
constexpr absl::Duration kFetchWait = absl::Milliseconds(250);
constexpr auto kPruneEvery = std::chrono::hours(1);
// For so long a beat goes on to try parked messages, before it fetches: those
// of healthy keys come between.
constexpr absl::Duration kRetryTime = kFetchWait;

absl::Status Validate(const InboxOptions& options) {
  if (const absl::Status valid = ValidateGroup(options.name); !valid.ok())
    return Annotate(valid, "InboxOptions.name");
  if (options.topics.empty())
    return absl::InvalidArgumentError("InboxOptions.topics is empty");
  for (const std::string& topic : options.topics)
    STELE_RETURN_IF_ERROR(ValidateTopic(topic));
  if (options.fetch_messages_max < 1 || options.tries_before_parking < 1 ||
      options.transient_tries_before_parking < 1 || options.parked_keys_max < 1)
    return absl::InvalidArgumentError(
        "InboxOptions: fetch_messages_max, tries and parked_keys_max must be "
        "at least 1");
  if (options.lease < absl::Milliseconds(100) ||
      options.handle_time_max <= absl::ZeroDuration() ||
      options.retention <= absl::ZeroDuration() ||
      options.stop_grace < absl::ZeroDuration())
    return absl::InvalidArgumentError(
        "InboxOptions: lease must be at least 100 ms, handle_time_max and "
        "retention positive and stop_grace not negative");
  return absl::OkStatus();
}

class BrokerInbox : public Inbox {
 public:
  BrokerInbox(EventStore& store, Broker& broker, InboxOptions options,
              std::string owner)
      : store_(store),
        broker_(broker),
        options_(std::move(options)),
        clock_(options_.clock == nullptr ? SystemClock() : *options_.clock),
        progress_(options_.metrics == nullptr ? NoMetrics() : *options_.metrics,
                  options_.name),
        lease_(store, options_, std::move(owner), clock_,
               [this](const absl::Status& why) { progress_.SetStuck(why); }),
        trouble_(options_.trouble) {}

  Inbox& OnType(std::string_view type, InboxHandler handler) override {
    handlers_.insert_or_assign(std::string(type), std::move(handler));
    return *this;
  }

  absl::Status Run() override {
    progress_.SetRunning(true);
    absl::Status ended = Work();
    consumer_ = nullptr;
    lease_.Release();
    progress_.SetRunning(false);
    return ended;
  }

  void Stop() override {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }

  InboxActivity Activity() const override { return progress_.Snapshot(); }

 private:
  absl::Status Work() {
    while (!IsStopping()) {
      const absl::Status beat = Beat();
      progress_.Beat(beat);
      if (beat.ok()) {
        trouble_.Reset();
      } else if (!HasGivenUp() &&
                 (IsTransient(beat) || absl::IsCancelled(beat))) {
        lease_.Doubt();
        Wait(trouble_.Next());
      } else {
        return Annotate(beat, absl::StrCat("inbox ", options_.name));
      }
    }
    return FinishFetched();
  }

  bool HasGivenUp() const { return work_ != nullptr && work_->has_given_up(); }

  // One round: lease, parked messages, a fetch, and what it brought.
  absl::Status Beat() {
    STELE_RETURN_IF_ERROR(OpenStorage());
    STELE_ASSIGN_OR_RETURN(const bool is_leader, KeepLease());
    if (!is_leader) {
      Wait(std::min(kFetchWait, options_.lease / 3));
      return absl::OkStatus();
    }
    if (fetched_.empty()) {
      STELE_RETURN_IF_ERROR(work_->RetryDue(
          SteadyClock::now() +
          absl::ToChronoNanoseconds(std::min(kRetryTime, options_.lease / 3))));
      STELE_RETURN_IF_ERROR(LookAfterStorage());
      STELE_RETURN_IF_ERROR(Fetch());
    }
    return HandleFetched(SteadyClock::time_point::max());
  }

  absl::Status OpenStorage() {
    if (work_ != nullptr) return absl::OkStatus();
    if (options_.storage == nullptr) {
      STELE_ASSIGN_OR_RETURN(options_.storage, OpenInboxStorage(store_));
    }
    work_ = std::make_unique<InboxWork>(
        store_, *options_.storage, lease_, options_, handlers_, clock_,
        [this](absl::Duration wait) { return Wait(wait); },
        [this](std::string_view message, std::string_view key,
               const absl::Status& failure) {
          progress_.TryFailed(message, key, failure);
        });
    return absl::OkStatus();
  }

  // False, and nothing in hand, while another process holds the lease.
  absl::StatusOr<bool> KeepLease() {
    STELE_ASSIGN_OR_RETURN(const InboxLease::Hold hold, lease_.Keep());
    if (hold != InboxLease::Hold::kKept) {
      // Others may have handled what comes after what we still have in hand.
      fetched_.clear();
      consumer_ = nullptr;
    }
    const bool is_leader = hold != InboxLease::Hold::kNobodys;
    progress_.SetLeader(is_leader);
    return is_leader;
  }

  absl::Status LookAfterStorage() {
    STELE_ASSIGN_OR_RETURN(const std::int64_t parked_keys,
                           options_.storage->CountParkedKeys(options_.name));
    progress_.SetParkedKeys(parked_keys);
    if (SteadyClock::now() < next_prune_) return absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(
        const std::int64_t pruned,
        options_.storage->Prune(options_.name,
                                clock_.Now() - options_.retention));
    if (pruned == 0) next_prune_ = SteadyClock::now() + kPruneEvery;
    return absl::OkStatus();
  }

  absl::Status Fetch() {
    if (consumer_ == nullptr) {
      absl::StatusOr<std::unique_ptr<BrokerConsumer>> opened =
          broker_.OpenConsumer(options_.topics, options_.name);
      if (!opened.ok())
        return Annotate(opened.status(),
                        absl::StrCat("opening ", broker_.Describe()));
      consumer_ = *std::move(opened);
    }
    STELE_ASSIGN_OR_RETURN(
        std::vector<BrokerMessage> messages,
        consumer_->Fetch(options_.fetch_messages_max, kFetchWait));
    for (std::size_t i = 0; i < messages.size(); ++i)
      fetched_.push_back({i, std::move(messages[i])});
    return absl::OkStatus();
  }

  // Handles in order; one that cannot be handled now stays in hand, and so do
  // all after it: the order would be lost if the broker sent them again.
  absl::Status HandleFetched(SteadyClock::time_point until) {
    while (!fetched_.empty() && SteadyClock::now() < until) {
      STELE_ASSIGN_OR_RETURN(const bool is_leader, KeepLease());
      if (!is_leader || fetched_.empty()) return absl::OkStatus();
      const auto begin = SteadyClock::now();
      STELE_ASSIGN_OR_RETURN(const Outcome outcome,
                             work_->HandleNew(fetched_.front().message));
      progress_.Ended(outcome, absl::FromChrono(SteadyClock::now() - begin));
      Settle(fetched_.front().index, Disposition::kAck);
      fetched_.pop_front();
      if (until == SteadyClock::time_point::max() && IsStopping())
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  // What was fetched is handled if there is time, and given back otherwise.
  absl::Status FinishFetched() {
    if (work_ != nullptr) {
      const absl::Status handled = HandleFetched(
          SteadyClock::now() + absl::ToChronoNanoseconds(options_.stop_grace));
      if (!handled.ok()) progress_.Beat(handled);
    }
    for (const Fetched& fetched : fetched_)
      Settle(fetched.index, Disposition::kRetry);
    fetched_.clear();
    return absl::OkStatus();
  }

  void Settle(std::size_t index, Disposition disposition) {
    if (consumer_ == nullptr) return;
    const absl::Status settled = consumer_->Settle(index, disposition);
    // It comes again, and is then known as a duplicate.
    if (!settled.ok()) progress_.Beat(settled);
  }

  bool IsStopping() const {
    absl::MutexLock lock(&mutex_);
    return is_stopping_;
  }

  // False if the inbox is stopping.
  bool Wait(absl::Duration wait) {
    absl::MutexLock lock(&mutex_);
    if (wait <= absl::ZeroDuration()) return !is_stopping_;
    return !mutex_.AwaitWithTimeout(absl::Condition(&is_stopping_), wait);
  }

  struct Fetched {
    std::size_t index = 0;
    BrokerMessage message;
  };

  EventStore& store_;
  Broker& broker_;
  InboxOptions options_;
  Clock& clock_;
  InboxProgress progress_;
  InboxWork::Handlers handlers_;

  // Used by Run() alone.
  InboxLease lease_;
  Backoff trouble_;
  std::unique_ptr<InboxWork> work_;           // Null until the store answered.
  std::unique_ptr<BrokerConsumer> consumer_;  // Null = to be opened.
  std::deque<Fetched> fetched_;               // Not handled yet.
  SteadyClock::time_point next_prune_ = {};

  mutable absl::Mutex mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Inbox>> Inbox::Create(EventStore& store,
                                                     Broker& broker,
                                                     InboxOptions options,
                                                     std::string owner) {
  STELE_RETURN_IF_ERROR(Validate(options));
  return std::make_unique<BrokerInbox>(store, broker, std::move(options),
                                       std::move(owner));
}

}  // namespace stele
