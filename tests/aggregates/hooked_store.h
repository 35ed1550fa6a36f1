#ifndef STELE_TESTS_AGGREGATES_HOOKED_STORE_H_
#define STELE_TESTS_AGGREGATES_HOOKED_STORE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"

namespace stele {

// A store that counts what it is asked, and whose appends a test can have go
// wrong.
class HookedStore final : public EventStore {
 public:
  using Appended = absl::StatusOr<std::vector<AppendResult>>;
  using AppendHook =
      std::function<Appended(EventStore&, std::span<const AppendRequest>)>;

  // Called once each, in order, in the place of an append of `inner`; when they
  // are used up, appends go through.
  explicit HookedStore(std::unique_ptr<EventStore> inner)
      : inner_(std::move(inner)) {}

  void OnAppend(std::vector<AppendHook> hooks) {
    hooks_ = std::move(hooks);
    next_hook_ = 0;
  }
  EventStore& inner() { return *inner_; }

  Appended AppendAll(std::span<const AppendRequest> requests) override {
    ++appends;
    const std::size_t hook = next_hook_++;
    if (hook < hooks_.size()) return hooks_[hook](*inner_, requests);
    return inner_->AppendAll(requests);
  }
  absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    ++reads;
    return inner_->ReadStream(request, [&](RecordedEvent event) {
      ++events_read;
      return visit(std::move(event));
    });
  }
  absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    return inner_->ReadLog(request, visit);
  }
  absl::StatusOr<std::int64_t> Head() override { return inner_->Head(); }
  absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                           absl::Time deadline) override {
    return inner_->WaitForHead(position, deadline);
  }
  void Interrupt() override { inner_->Interrupt(); }
  absl::StatusOr<StreamInfo> GetStream(const std::string& stream_id) override {
    ++looks;
    return inner_->GetStream(stream_id);
  }
  absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) override {
    ++looks;
    return inner_->FindCommand(stream_id, command_id);
  }
  absl::Status Tombstone(const std::string& stream_id,
                         ExpectedVersion expected) override {
    return inner_->Tombstone(stream_id, expected);
  }
  absl::StatusOr<std::optional<Snapshot>> LoadSnapshot(
      const std::string& stream_id) override {
    ++snapshot_loads;
    if (!snapshot_load_error.ok()) return snapshot_load_error;
    if (snapshot_loaded.has_value()) return snapshot_loaded;
    return inner_->LoadSnapshot(stream_id);
  }
  absl::Status SaveSnapshot(const Snapshot& snapshot) override {
    ++snapshot_saves;
    if (!snapshot_save_error.ok()) return snapshot_save_error;
    return inner_->SaveSnapshot(snapshot);
  }
  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    return inner_->Transact(work);
  }
  ConsumerStorage& consumers() override { return inner_->consumers(); }
  absl::StatusOr<Uuid> Epoch() override { return inner_->Epoch(); }

  // Calls so far.
  std::atomic<int> appends{0};
  std::atomic<int> reads{0};
  std::atomic<int> events_read{0};
  std::atomic<int> looks{0};
  std::atomic<int> snapshot_loads{0};
  std::atomic<int> snapshot_saves{0};

  // Set by tests of one thread.
  absl::Status snapshot_load_error;
  std::optional<Snapshot> snapshot_loaded;  // In the place of what is kept.
  absl::Status snapshot_save_error;

 private:
  std::unique_ptr<EventStore> inner_;
  std::vector<AppendHook> hooks_;
  std::atomic<std::size_t> next_hook_{0};
};

}  // namespace stele

#endif  // STELE_TESTS_AGGREGATES_HOOKED_STORE_H_
