#ifndef STELE_EVENTSTORE_FORWARDING_STORE_H_
#define STELE_EVENTSTORE_FORWARDING_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"

namespace stele {

// A store that passes every call on to another: what decorators begin with.
// Thread-safe if the other one is.
class ForwardingStore : public EventStore {
 public:
  // `inner` must outlive it.
  explicit ForwardingStore(EventStore& inner) : inner_(inner) {}

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override {
    return inner_.AppendAll(requests);
  }
  absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    return inner_.ReadStream(request, visit);
  }
  absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    return inner_.ReadLog(request, visit);
  }
  absl::StatusOr<std::int64_t> Head() override { return inner_.Head(); }
  absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                           absl::Time deadline) override {
    return inner_.WaitForHead(position, deadline);
  }
  void Interrupt() override { inner_.Interrupt(); }
  absl::StatusOr<StreamInfo> GetStream(const std::string& stream_id) override {
    return inner_.GetStream(stream_id);
  }
  absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) override {
    return inner_.FindCommand(stream_id, command_id);
  }
  absl::Status Tombstone(const std::string& stream_id,
                         ExpectedVersion expected_version) override {
    return inner_.Tombstone(stream_id, expected_version);
  }
  absl::StatusOr<std::optional<Snapshot>> LoadSnapshot(
      const std::string& stream_id) override {
    return inner_.LoadSnapshot(stream_id);
  }
  absl::Status SaveSnapshot(const Snapshot& snapshot) override {
    return inner_.SaveSnapshot(snapshot);
  }
  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    return inner_.Transact(work);
  }
  ConsumerStorage& consumers() override { return inner_.consumers(); }
  absl::StatusOr<Uuid> Epoch() override { return inner_.Epoch(); }

 protected:
  EventStore& inner() { return inner_; }

 private:
  EventStore& inner_;
};

// The same for a transaction. Transactions of this kind are not known to the
// ConsumerStorage of the store underneath.
class ForwardingTransaction : public Transaction {
 public:
  // `inner` must outlive it.
  explicit ForwardingTransaction(Transaction& inner) : inner_(inner) {}

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests,
      const std::function<absl::Status(std::span<const RecordedEvent>)>&
          inline_work) override {
    return inner_.AppendAll(requests, inline_work);
  }
  pqxx::transaction_base* sql() override { return inner_.sql(); }
  const std::string& schema() const override { return inner_.schema(); }
  void OnCommit(std::function<void()> effect) override {
    inner_.OnCommit(std::move(effect));
  }

 protected:
  Transaction& inner() { return inner_; }

 private:
  Transaction& inner_;
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_FORWARDING_STORE_H_
