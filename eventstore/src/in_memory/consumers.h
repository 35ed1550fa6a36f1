#ifndef STELE_EVENTSTORE_SRC_IN_MEMORY_CONSUMERS_H_
#define STELE_EVENTSTORE_SRC_IN_MEMORY_CONSUMERS_H_

#include <functional>
#include <string>
#include <vector>

#include "in_memory/core.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::in_memory {

// Checkpoints, leases and parked keys beside the events of a Core.
class InMemoryConsumers final : public ConsumerStorage {
 public:
  explicit InMemoryConsumers(Core& core) : core_(core) {}

  absl::Status Register(const std::string& consumer, int slots,
                        std::int64_t start_position) override;
  absl::StatusOr<std::vector<SlotLease>> Acquire(const std::string& consumer,
                                                 const ConsumerOwner& owner,
                                                 absl::Duration lease) override;
  absl::StatusOr<std::vector<SlotLease>> Renew(const std::string& consumer,
                                               const ConsumerOwner& owner,
                                               absl::Duration lease) override;
  absl::Status Release(const std::string& consumer,
                       const std::string& owner) override;
  absl::Status Suspend(const std::string& consumer,
                       const std::string& owner) override;
  absl::Status Advance(Transaction& tx, const std::string& consumer,
                       std::span<const SlotAdvance> advances) override;

  absl::StatusOr<std::vector<ParkedKey>> ListParked(
      const std::string& consumer) override;
  absl::StatusOr<std::vector<std::int64_t>> HeldPositions(
      const std::string& consumer, const std::string& key,
      std::int64_t limit) override;
  absl::Status Park(Transaction& tx, const std::string& consumer,
                    const ParkedKey& parked) override;
  absl::Status Hold(Transaction& tx, const std::string& consumer,
                    const std::string& key, std::int64_t position) override;
  absl::Status Unhold(Transaction& tx, const std::string& consumer,
                      const std::string& key, std::int64_t position) override;

  absl::Status RequestParked(const std::string& consumer,
                             const std::string& key,
                             ParkedState request) override;
  absl::Status RequestDiscard(const std::string& consumer,
                              const std::string& key,
                              std::int64_t position) override;
  absl::StatusOr<std::vector<ConsumerStatus>> List() override;
  absl::StatusOr<std::optional<ConsumerStatus>> Find(
      Transaction& tx, const std::string& consumer) override;
  absl::StatusOr<std::vector<ParkedKey>> ListParked(
      Transaction& tx, const std::string& consumer) override;
  absl::Status SetPaused(const std::string& consumer, bool paused) override;
  absl::StatusOr<bool> IsPaused(const std::string& consumer) override;
  absl::Status Reset(const std::string& consumer,
                     std::int64_t position) override;
  absl::Status Forget(const std::string& consumer) override;

 private:
  // Changes a known consumer at once; kNotFound if there is none.
  absl::Status Change(
      const std::string& consumer,
      const std::function<absl::Status(ConsumerState&)>& change);
  // The consumer as `tx` sees and changes it; null if there is none.
  absl::StatusOr<ConsumerState*> FindIn(Transaction& tx,
                                        const std::string& consumer);
  // Changes a known consumer as part of `tx`.
  absl::Status ChangeIn(
      Transaction& tx, const std::string& consumer,
      const std::function<absl::Status(ConsumerState&)>& change);

  Core& core_;
};

}  // namespace stele::in_memory

#endif  // STELE_EVENTSTORE_SRC_IN_MEMORY_CONSUMERS_H_
