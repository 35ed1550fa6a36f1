#include "memory_storage.h"

#include <algorithm>
#include <optional>

namespace stele::sagas_internal {

void MemorySagaStorage::Apply(Tables& tables, const SagaWrite& write,
                              absl::Time now) {
  SagaRow& row = tables.rows[{write.row.saga, write.row.id}];
  row = write.row;
  row.updated_at = now;
  for (const std::string& name : write.dropped_timers) {
    tables.timers.erase({row.saga, row.id, name});
  }
  for (const SagaTimerRow& timer : write.set_timers) {
    tables.timers.insert_or_assign({row.saga, row.id, timer.name}, timer);
  }
}

absl::Status MemorySagaStorage::Write(Transaction& tx,
                                      std::span<const SagaWrite> writes) {
  std::vector<SagaWrite> copy(writes.begin(), writes.end());
  tx.OnCommit([tables = tables_, copy = std::move(copy), now = clock_.Now()] {
    absl::MutexLock lock(&tables->mutex);
    for (const SagaWrite& write : copy) Apply(*tables, write, now);
  });
  return absl::OkStatus();
}

absl::StatusOr<DueTimers> MemorySagaStorage::ReadDue(const std::string& saga,
                                                     std::span<const int> slots,
                                                     int limit) {
  DueTimers due;
  due.now = clock_.Now();
  absl::MutexLock lock(&tables_->mutex);
  for (const auto& [key, timer] : tables_->timers) {
    if (std::get<0>(key) == saga && timer.due_at <= due.now &&
        std::find(slots.begin(), slots.end(), timer.slot) != slots.end()) {
      due.timers.push_back(timer);
    }
  }
  std::sort(due.timers.begin(), due.timers.end(),
            [](const SagaTimerRow& a, const SagaTimerRow& b) {
              return a.due_at < b.due_at;
            });
  if (due.timers.size() > static_cast<std::size_t>(limit)) {
    due.timers.resize(limit);
  }
  return due;
}

absl::StatusOr<std::vector<SagaTimerRow>> MemorySagaStorage::TakeTimers(
    Transaction& tx, const std::string& saga,
    std::span<const SagaTimerRow> timers) {
  std::vector<SagaTimerRow> taken;
  {
    absl::MutexLock lock(&tables_->mutex);
    for (const SagaTimerRow& timer : timers) {
      const auto found = tables_->timers.find({saga, timer.id, timer.name});
      if (found != tables_->timers.end() &&
          found->second.set_version == timer.set_version) {
        taken.push_back(found->second);
      }
    }
  }
  tx.OnCommit([tables = tables_, saga, taken] {
    absl::MutexLock lock(&tables->mutex);
    for (const SagaTimerRow& timer : taken) {
      const auto found = tables->timers.find({saga, timer.id, timer.name});
      if (found != tables->timers.end() &&
          found->second.set_version == timer.set_version) {
        tables->timers.erase(found);
      }
    }
  });
  return taken;
}

absl::Status MemorySagaStorage::VoidTimers(Transaction& tx,
                                           const std::string& saga,
                                           const std::string& id) {
  tx.OnCommit([tables = tables_, saga, id] {
    absl::MutexLock lock(&tables->mutex);
    std::erase_if(tables->timers, [&](const auto& timer) {
      return std::get<0>(timer.first) == saga && std::get<1>(timer.first) == id;
    });
    const auto row = tables->rows.find({saga, id});
    if (row == tables->rows.end()) return;
    row->second.timers = 0;
    row->second.next_timer_at.reset();
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SagaRow>> MemorySagaStorage::List(
    const SagaRowQuery& query) {
  std::vector<SagaRow> rows;
  absl::MutexLock lock(&tables_->mutex);
  for (const auto& [key, row] : tables_->rows) {
    if ((query.saga.empty() || row.saga == query.saga) &&
        (!query.status.has_value() || row.status == *query.status)) {
      rows.push_back(row);
    }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const SagaRow& a, const SagaRow& b) {
                     return a.updated_at < b.updated_at;
                   });
  if (static_cast<std::int64_t>(rows.size()) > query.limit) {
    rows.resize(query.limit);
  }
  return rows;
}

absl::StatusOr<std::optional<SagaRow>> MemorySagaStorage::Find(
    const std::string& saga, const std::string& id) {
  absl::MutexLock lock(&tables_->mutex);
  const auto found = tables_->rows.find({saga, id});
  if (found == tables_->rows.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<SagaRowCount>> MemorySagaStorage::Count() {
  std::map<std::pair<std::string, SagaStatus>, std::int64_t> counts;
  {
    absl::MutexLock lock(&tables_->mutex);
    for (const auto& [key, row] : tables_->rows) {
      ++counts[{row.saga, row.status}];
    }
  }
  std::vector<SagaRowCount> result;
  for (const auto& [key, instances] : counts) {
    result.push_back({key.first, key.second, instances});
  }
  return result;
}

}  // namespace stele::sagas_internal
