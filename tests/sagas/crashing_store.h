#ifndef STELE_TESTS_SAGAS_CRASHING_STORE_H_
#define STELE_TESTS_SAGAS_CRASHING_STORE_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stele/base/status.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/forwarding_store.h"
#include "stele/eventstore/transaction.h"

namespace stele::testing {

// A store that dies at its n-th operation, and answers nothing from then on: a
// process that is killed there, as the store sees it. Each call that writes
// counts twice, so that it can be killed before the commit and after it.
//
// Thread-safe.
class CrashingStore final : public ForwardingStore {
 public:
  static constexpr int kNever = std::numeric_limits<int>::max();

  // `inner` must outlive it.
  CrashingStore(EventStore& inner, int crash_at)
      : ForwardingStore(inner), left_(crash_at) {}

  bool has_crashed() const { return left_.load() < 0; }

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override {
    STELE_RETURN_IF_ERROR(Live());
    auto result = inner().AppendAll(requests);
    STELE_RETURN_IF_ERROR(Live());
    return result;
  }
  absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    STELE_RETURN_IF_ERROR(Live());
    return inner().ReadStream(request, visit);
  }
  absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    STELE_RETURN_IF_ERROR(Live());
    return inner().ReadLog(request, visit);
  }
  absl::StatusOr<StreamInfo> GetStream(const std::string& stream_id) override {
    STELE_RETURN_IF_ERROR(Live());
    return inner().GetStream(stream_id);
  }
  absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) override {
    STELE_RETURN_IF_ERROR(Live());
    return inner().FindCommand(stream_id, command_id);
  }
  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    STELE_RETURN_IF_ERROR(Live());
    STELE_RETURN_IF_ERROR(
        inner().Transact([&](Transaction& tx) -> absl::Status {
          STELE_RETURN_IF_ERROR(work(tx));
          return Live();  // Dead here, the work is rolled back.
        }));
    return Live();
  }

 private:
  absl::Status Live() {
    if (left_.fetch_sub(1) > 0) return absl::OkStatus();
    left_.store(-1);
    return absl::CancelledError("killed by the test");
  }

  std::atomic<int> left_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_SAGAS_CRASHING_STORE_H_
