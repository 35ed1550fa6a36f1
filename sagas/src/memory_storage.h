#ifndef STELE_SAGAS_SRC_MEMORY_STORAGE_H_
#define STELE_SAGAS_SRC_MEMORY_STORAGE_H_

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "stele/base/clock.h"
#include "stele/sagas/saga_storage.h"

namespace stele::sagas_internal {

// Timers and rows for a store in memory, changed when its transaction commits.
class MemorySagaStorage final : public SagaStorage {
 public:
  explicit MemorySagaStorage(Clock& clock) : clock_(clock) {}

  absl::StatusOr<absl::Time> Now(Transaction&) override { return clock_.Now(); }
  absl::Status Write(Transaction& tx,
                     std::span<const SagaWrite> writes) override;
  absl::StatusOr<DueTimers> ReadDue(const std::string& saga,
                                    std::span<const int> slots,
                                    int limit) override;
  absl::StatusOr<std::vector<SagaTimerRow>> TakeTimers(
      Transaction& tx, const std::string& saga,
      std::span<const SagaTimerRow> timers) override;
  absl::Status VoidTimers(Transaction& tx, const std::string& saga,
                          const std::string& id) override;
  absl::StatusOr<std::vector<SagaRow>> List(const SagaRowQuery& query) override;
  absl::StatusOr<std::optional<SagaRow>> Find(const std::string& saga,
                                              const std::string& id) override;
  absl::StatusOr<std::vector<SagaRowCount>> Count() override;

 private:
  // Shared with the effects of transactions, which may outlive this.
  struct Tables {
    absl::Mutex mutex;
    std::map<std::pair<std::string, std::string>, SagaRow> rows
        ABSL_GUARDED_BY(mutex);
    // By saga, instance and name.
    std::map<std::tuple<std::string, std::string, std::string>, SagaTimerRow>
        timers ABSL_GUARDED_BY(mutex);
  };
  static void Apply(Tables& tables, const SagaWrite& write, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tables.mutex);

  Clock& clock_;
  const std::shared_ptr<Tables> tables_ = std::make_shared<Tables>();
};

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_MEMORY_STORAGE_H_
