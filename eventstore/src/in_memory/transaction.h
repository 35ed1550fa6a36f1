#ifndef STELE_EVENTSTORE_SRC_IN_MEMORY_TRANSACTION_H_
#define STELE_EVENTSTORE_SRC_IN_MEMORY_TRANSACTION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "in_memory/core.h"
#include "in_memory/state.h"
#include "stele/eventstore/transaction.h"

namespace stele::in_memory {

// Collects what a transaction would change. Lives while its thread is the
// writer, so that what it has checked stays true until it commits.
class InMemoryTransaction final : public Transaction {
 public:
  explicit InMemoryTransaction(Core& core) : core_(core) {}

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests,
      const std::function<absl::Status(std::span<const RecordedEvent>)>&
          inline_work) override;
  pqxx::transaction_base* sql() override { return nullptr; }
  const std::string& schema() const override { return schema_; }
  void OnCommit(std::function<void()> effect) override {
    effects_.push_back(std::move(effect));
  }

  // The consumer as this transaction sees and changes it; null if there is none
  // of this name.
  ConsumerState* MutableConsumer(const std::string& name);

  bool BelongsTo(const Core& core) const { return &core == &core_; }

  // Makes a failed step keep the transaction from committing.
  absl::Status Fail(absl::Status status);

  // Everything or, if a step has failed, nothing and the error of that step.
  absl::Status Commit();

 private:
  // What the transaction adds to one stream.
  struct StagedStream {
    std::int64_t version = 0;  // With what was added.
    bool is_tombstoned = false;
    std::vector<RecordedEvent> events;
    absl::flat_hash_map<Uuid, std::int64_t> listed;
    absl::flat_hash_map<Uuid, AppendResult> result_of;
  };
  // What a stream has of a request's events already.
  struct Met {
    std::int64_t first = 0;  // Version of the first, if all are there. Else 0.
    bool in_part = false;    // Some were met.
  };
  // One request, judged.
  struct Verdict {
    StagedStream* stream = nullptr;
    AppendResult result;
  };

  StagedStream& Staged(const std::string& stream_id);
  const AppendResult* FindCommand(const std::string& stream_id,
                                  const Uuid& command_id);
  std::optional<std::int64_t> FindListed(const std::string& stream_id,
                                         const Uuid& id);
  const RecordedEvent& EventAt(const std::string& stream_id,
                               std::int64_t version);
  bool IsAt(const AppendRequest& request, std::int64_t first);
  Met Meet(const AppendRequest& request);
  absl::StatusOr<Verdict> Judge(const AppendRequest& request);
  static absl::Status RefuseHalfRepeats(std::span<const AppendRequest> requests,
                                        std::span<const Verdict> verdicts);
  void Stage(const AppendRequest& request, Verdict& verdict);

  Core& core_;
  const std::string schema_;
  absl::Status failure_;
  std::int64_t staged_events_ = 0;
  std::map<std::string, StagedStream> streams_;
  std::map<std::string, ConsumerState> consumers_;
  std::vector<std::function<void()>> effects_;
};

}  // namespace stele::in_memory

#endif  // STELE_EVENTSTORE_SRC_IN_MEMORY_TRANSACTION_H_
