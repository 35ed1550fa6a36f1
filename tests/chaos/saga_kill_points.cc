#include "tests/chaos/saga_kill_points.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/eventstore/forwarding_store.h"
#include "stele/eventstore/transaction.h"
#include "tests/outbox/failpoints.h"
#include "tests/support/forwarding_dispatcher.h"

namespace stele::testing {
namespace {

// What the transaction at hand of this thread is for: "step", "undo", "timer",
// or empty for what is none of these.
thread_local std::string deed;

void Hit(const char* what) {
  if (!deed.empty()) HitFailpoint(absl::StrCat(deed, "_", what));
}

class KillableStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  // Only commands append without a transaction.
  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override {
    HitFailpoint("command_appending");
    auto results = inner().AppendAll(requests);
    HitFailpoint("command_appended");
    return results;
  }

  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    deed.clear();
    absl::Status done = inner().Transact([&](Transaction& tx) {
      absl::Status status = work(tx);
      if (status.ok()) Hit("appended");
      return status;
    });
    if (done.ok()) Hit("committed");
    deed.clear();
    return done;
  }
};

class KillableStorage final : public SagaStorage {
 public:
  explicit KillableStorage(SagaStorage& inner) : inner_(inner) {}

  absl::Status Write(Transaction& tx,
                     std::span<const SagaWrite> writes) override {
    absl::Status status = inner_.Write(tx, writes);
    const bool undoes =
        std::any_of(writes.begin(), writes.end(), [](const SagaWrite& write) {
          return write.row.status == SagaStatus::kCompensating ||
                 write.row.status == SagaStatus::kCompensated;
        });
    deed = undoes ? "undo" : "step";
    Hit("written");
    return status;
  }
  absl::StatusOr<std::vector<SagaTimerRow>> TakeTimers(
      Transaction& tx, const std::string& saga,
      std::span<const SagaTimerRow> timers) override {
    auto taken = inner_.TakeTimers(tx, saga, timers);
    deed = "timer";
    Hit("taken");
    return taken;
  }

  absl::Status VoidTimers(Transaction& tx, const std::string& saga,
                          const std::string& instance) override {
    return inner_.VoidTimers(tx, saga, instance);
  }
  absl::StatusOr<absl::Time> Now(Transaction& tx) override {
    return inner_.Now(tx);
  }
  absl::StatusOr<DueTimers> ReadDue(const std::string& saga,
                                    std::span<const int> slots,
                                    int limit) override {
    return inner_.ReadDue(saga, slots, limit);
  }
  absl::StatusOr<std::vector<SagaRow>> List(
      const SagaRowQuery& query) override {
    return inner_.List(query);
  }
  absl::StatusOr<std::optional<SagaRow>> Find(
      const std::string& saga, const std::string& instance) override {
    return inner_.Find(saga, instance);
  }
  absl::StatusOr<std::vector<SagaRowCount>> Count() override {
    return inner_.Count();
  }

 private:
  SagaStorage& inner_;
};

class KillableDispatcher final : public ForwardingDispatcher {
 public:
  KillableDispatcher(Dispatcher& inner, std::string undo)
      : ForwardingDispatcher(inner), undo_(std::move(undo)) {}

  absl::StatusOr<Receipt> DispatchBytes(
      std::string_view type, std::string_view payload,
      const DispatchOptions& options) override {
    const bool undoes = type == undo_;
    HitFailpoint(undoes ? "undo_sent" : "command_sent");
    auto receipt = inner().DispatchBytes(type, payload, options);
    HitFailpoint(undoes ? "undo_answered" : "command_answered");
    return receipt;
  }

 private:
  const std::string undo_;
};

}  // namespace

const std::vector<std::string>& SagaKillPoints() {
  static const auto& points = *new std::vector<std::string>{
      "step_written",     "step_appended",     "step_committed",
      "command_sent",     "command_appending", "command_appended",
      "command_answered", "timer_taken",       "timer_appended",
      "timer_committed",  "undo_written",      "undo_appended",
      "undo_committed",   "undo_sent",         "undo_answered"};
  return points;
}

std::unique_ptr<EventStore> WithSagaKillPoints(EventStore& store) {
  return std::make_unique<KillableStore>(store);
}

std::unique_ptr<SagaStorage> WithSagaKillPoints(SagaStorage& storage) {
  return std::make_unique<KillableStorage>(storage);
}

std::unique_ptr<Dispatcher> WithSagaKillPoints(Dispatcher& dispatcher,
                                               std::string undo) {
  return std::make_unique<KillableDispatcher>(dispatcher, std::move(undo));
}

}  // namespace stele::testing
