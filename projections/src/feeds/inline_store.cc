#include "feeds/inline_store.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "checkpoints.h"
#include "stele/base/backoff.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/forwarding_store.h"

namespace stele::projections_internal {
namespace {

using InlineFunction =
    std::function<absl::Status(std::span<const RecordedEvent>)>;

constexpr char kHeldBack[] = "stele.projections.held_back";

// How often a transaction that a switch holds back is begun anew: for many
// times the pause of a switch.
constexpr int kBeginsMax = 1000;
constexpr BackoffOptions kBeginAgain = {absl::Milliseconds(2),
                                        absl::Milliseconds(20)};

// A transaction of the store underneath whose appends do the inline work too.
class InlineTransaction : public ForwardingTransaction {
 public:
  InlineTransaction(Transaction& inner, InlineWork& work)
      : ForwardingTransaction(inner), work_(work) {}

  using ForwardingTransaction::inner;

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests,
      const InlineFunction& inline_work) override {
    return inner().AppendAll(
        requests, [&](std::span<const RecordedEvent> events) -> absl::Status {
          std::vector<EventRef> refs;
          for (const RecordedEvent& event : events) {
            if (work_.Consumes(event.type)) refs.push_back(&event);
          }
          if (!refs.empty()) {
            if (session_ == nullptr) session_ = work_.Begin(inner());
            STELE_RETURN_IF_ERROR(session_->Apply(refs));
          }
          return inline_work ? inline_work(events) : absl::OkStatus();
        });
  }

 private:
  InlineWork& work_;
  std::unique_ptr<InlineSession> session_;
};

Transaction& Inner(Transaction& tx) {
  auto* wrapped = dynamic_cast<InlineTransaction*>(&tx);
  return wrapped == nullptr ? tx : wrapped->inner();
}

// The consumers underneath, which know only transactions of their own store.
class InlineConsumers : public ConsumerStorage {
 public:
  explicit InlineConsumers(ConsumerStorage& inner) : inner_(inner) {}

  absl::Status Register(const std::string& consumer, int slots,
                        std::int64_t start_position) override {
    return inner_.Register(consumer, slots, start_position);
  }
  absl::StatusOr<std::vector<SlotLease>> Acquire(
      const std::string& consumer, const ConsumerOwner& owner,
      absl::Duration lease) override {
    return inner_.Acquire(consumer, owner, lease);
  }
  absl::StatusOr<std::vector<SlotLease>> Renew(const std::string& consumer,
                                               const ConsumerOwner& owner,
                                               absl::Duration lease) override {
    return inner_.Renew(consumer, owner, lease);
  }
  absl::Status Release(const std::string& consumer,
                       const std::string& owner) override {
    return inner_.Release(consumer, owner);
  }
  absl::Status Suspend(const std::string& consumer,
                       const std::string& owner) override {
    return inner_.Suspend(consumer, owner);
  }
  absl::Status Advance(Transaction& tx, const std::string& consumer,
                       std::span<const SlotAdvance> advances) override {
    return inner_.Advance(Inner(tx), consumer, advances);
  }
  absl::StatusOr<std::vector<ParkedKey>> ListParked(
      const std::string& consumer) override {
    return inner_.ListParked(consumer);
  }
  absl::StatusOr<std::vector<std::int64_t>> HeldPositions(
      const std::string& consumer, const std::string& key,
      std::int64_t limit) override {
    return inner_.HeldPositions(consumer, key, limit);
  }
  absl::Status Park(Transaction& tx, const std::string& consumer,
                    const ParkedKey& parked) override {
    return inner_.Park(Inner(tx), consumer, parked);
  }
  absl::Status Hold(Transaction& tx, const std::string& consumer,
                    const std::string& key, std::int64_t position) override {
    return inner_.Hold(Inner(tx), consumer, key, position);
  }
  absl::Status Unhold(Transaction& tx, const std::string& consumer,
                      const std::string& key, std::int64_t position) override {
    return inner_.Unhold(Inner(tx), consumer, key, position);
  }
  absl::Status RequestParked(const std::string& consumer,
                             const std::string& key,
                             ParkedState request) override {
    return inner_.RequestParked(consumer, key, request);
  }
  absl::Status RequestDiscard(const std::string& consumer,
                              const std::string& key,
                              std::int64_t position) override {
    return inner_.RequestDiscard(consumer, key, position);
  }
  absl::StatusOr<std::vector<ConsumerStatus>> List() override {
    return inner_.List();
  }
  absl::StatusOr<std::optional<ConsumerStatus>> Find(
      Transaction& tx, const std::string& consumer) override {
    return inner_.Find(Inner(tx), consumer);
  }
  absl::StatusOr<std::vector<ParkedKey>> ListParked(
      Transaction& tx, const std::string& consumer) override {
    return inner_.ListParked(Inner(tx), consumer);
  }
  absl::Status SetPaused(const std::string& consumer, bool paused) override {
    return inner_.SetPaused(consumer, paused);
  }
  absl::StatusOr<bool> IsPaused(const std::string& consumer) override {
    return inner_.IsPaused(consumer);
  }
  absl::Status Reset(const std::string& consumer,
                     std::int64_t position) override {
    return inner_.Reset(consumer, position);
  }
  absl::Status Forget(const std::string& consumer) override {
    return inner_.Forget(consumer);
  }

 private:
  ConsumerStorage& inner_;
};

class InlineStore : public ForwardingStore {
 public:
  InlineStore(EventStore& inner, InlineWork& work)
      : ForwardingStore(inner), work_(work), consumers_(inner.consumers()) {}

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override {
    if (!Concerns(requests)) return inner().AppendAll(requests);
    std::vector<AppendResult> results;
    STELE_RETURN_IF_ERROR(Transact([&](Transaction& tx) -> absl::Status {
      STELE_ASSIGN_OR_RETURN(results, tx.AppendAll(requests));
      return absl::OkStatus();
    }));
    return results;
  }
  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    Backoff backoff(kBeginAgain);
    while (true) {
      const absl::Status done = inner().Transact([&](Transaction& tx) {
        InlineTransaction wrapped(tx, work_);
        return work(wrapped);
      });
      if (!IsHeldBack(done) || backoff.failures() + 1 >= kBeginsMax) {
        return done;
      }
      // Without a connection in hand, for the switch may wait for whoever needs
      // one.
      Pause(backoff.Next());
    }
  }
  ConsumerStorage& consumers() override { return consumers_; }

 private:
  bool Concerns(std::span<const AppendRequest> requests) const {
    return std::any_of(
        requests.begin(), requests.end(), [&](const AppendRequest& request) {
          return std::any_of(request.events.begin(), request.events.end(),
                             [&](const NewEvent& event) {
                               return work_.Consumes(event.type);
                             });
        });
  }

  InlineWork& work_;
  InlineConsumers consumers_;
};

}  // namespace

absl::Status HeldBackError(std::string_view projection) {
  absl::Status status = absl::AbortedError(
      absl::StrCat("a switch of inline projection ", ToAbsl(projection),
                   " holds appends back"));
  status.SetPayload(kHeldBack, absl::Cord("1"));
  return status;
}

bool IsHeldBack(const absl::Status& status) {
  return status.GetPayload(kHeldBack).has_value();
}

std::vector<EventRef> OnlyOf(const Projection& projection,
                             std::span<const EventRef> events) {
  std::vector<EventRef> wanted;
  for (const EventRef event : events) {
    if (projection.Find(event->type) != nullptr) wanted.push_back(event);
  }
  return wanted;
}

std::unique_ptr<EventStore> MakeInlineStore(EventStore& store,
                                            InlineWork& work) {
  return std::make_unique<InlineStore>(store, work);
}

}  // namespace stele::projections_internal
