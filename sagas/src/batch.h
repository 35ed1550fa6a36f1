#ifndef STELE_SAGAS_SRC_BATCH_H_
#define STELE_SAGAS_SRC_BATCH_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "command_runner.h"
#include "fold.h"
#include "instance.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/transaction.h"
#include "stele/sagas/saga_storage.h"
#include "stele/sagas/saga_type.h"

namespace stele::sagas_internal {

// What a batch holds for one instance, and what comes of it.
struct InstanceWork {
  std::string id;
  std::vector<const RecordedEvent*> events;  // In log order.
  // It was parked under another key, since what it leads to was not known.
  bool is_late = false;
  SagaInstance instance;
  std::vector<StoredSagaTimer> timers_before;
  std::vector<StepCommands> commands;
  std::vector<StepDraft> drafts;
  std::vector<Verdict> dropped;
};

// Writes the steps of a batch: the timers, the rows, then one append for all.
//
// Not thread-safe: one thread at a time.
class BatchWriter {
 public:
  // Both must outlive it.
  BatchWriter(const SagaType& type, SagaStorage& storage, int slots)
      : type_(type), storage_(storage), slots_(slots) {}

  // May be called again for the same works, when the transaction is run again.
  absl::Status Write(Transaction& tx, std::vector<InstanceWork>& works);

 private:
  absl::Status SetDue(Transaction& tx, std::vector<InstanceWork*>& stepped);
  SagaWrite WriteFor(const InstanceWork& work) const;

  const SagaType& type_;
  SagaStorage& storage_;
  const int slots_;
};

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_BATCH_H_
