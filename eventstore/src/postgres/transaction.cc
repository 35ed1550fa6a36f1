#include "postgres/transaction.h"

#include <pqxx/transaction_base>
#include <utility>

#include "run_effects.h"
#include "stele/base/status.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele::postgres_store {

PostgresTransaction::PostgresTransaction(const TransactionHost& host,
                                         pqxx::transaction_base& tx,
                                         ServerRunPtr run)
    : host_(host),
      tx_(tx),
      session_(static_cast<postgres::Session&>(tx.conn())),
      run_(std::move(run)) {}

absl::Status PostgresTransaction::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = status;
  return status;
}

absl::StatusOr<std::vector<AppendResult>> PostgresTransaction::AppendAll(
    std::span<const AppendRequest> requests,
    const std::function<absl::Status(std::span<const RecordedEvent>)>&
        inline_work) {
  STELE_RETURN_IF_ERROR(failure_);
  STELE_RETURN_IF_ERROR(Fail(ValidateAppend(requests)));
  AppendBatch batch({requests});
  STELE_RETURN_IF_ERROR(Fail(host_.intern(batch, run_)));
  auto results = TryAppend(batch, inline_work);
  Fail(results.status()).IgnoreError();  // Returned below.
  return results;
}

absl::StatusOr<std::vector<AppendResult>> PostgresTransaction::TryAppend(
    const AppendBatch& batch,
    const std::function<absl::Status(std::span<const RecordedEvent>)>&
        inline_work) {
  STELE_ASSIGN_OR_RETURN(
      const postgres::Result checked,
      session_.Execute("appending", host_.statements.append_check,
                       batch.CheckParams()));
  std::optional<UnitResult> settled = batch.CheckResults(checked).front();
  if (settled.has_value()) return *std::move(settled);
  if (inline_work) {
    STELE_RETURN_IF_ERROR(inline_work(batch.ToBeRecorded(checked)));
  }
  STELE_ASSIGN_OR_RETURN(
      const postgres::Result written,
      session_.Execute("appending", host_.statements.append_write,
                       batch.WriteParams(checked)));
  const std::vector<PlacedEvent> placed = batch.Placed(written, 0);
  placed_.insert(placed_.end(), placed.begin(), placed.end());
  return batch.WriteResults(checked, written).front();
}

void PostgresTransaction::OnCommit(std::function<void()> effect) {
  effects_.push_back(std::move(effect));
}

void PostgresTransaction::RunEffects() { stele::RunEffects(effects_); }

}  // namespace stele::postgres_store
