#include "postgres_storage.h"

#include <algorithm>
#include <optional>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/array_text.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/migrator.h"
#include "stele/sagas/migrations.h"

namespace stele::sagas_internal {
namespace {

using postgres::ArrayText;

// The longest a waiting owner relies on there being no earlier timer.
constexpr absl::Duration kRecheck = absl::Seconds(1);

std::string Table(Transaction& tx, std::string_view name) {
  return absl::StrCat(postgres::QuoteIdentifier(tx.schema()), ".",
                      ToAbsl(name));
}

// Microseconds since the epoch, there and back. Exact: the numbers are far
// below 2^53.
std::string FromMicros(std::string_view expression) {
  return absl::StrCat("to_timestamp(0) + ", ToAbsl(expression),
                      " * interval '1 microsecond'");
}
std::string ToMicros(std::string_view expression) {
  return absl::StrCat("(extract(epoch FROM ", ToAbsl(expression),
                      ") * 1000000)::bigint");
}

absl::Time TimeOf(const pqxx::field& micros) {
  return absl::FromUnixMicros(micros.as<std::int64_t>());
}

SagaTimerRow TimerOf(const pqxx::row& row) {
  return {.slot = row["slot"].as<int>(),
          .id = row["instance"].as<std::string>(),
          .name = row["name"].as<std::string>(),
          .set_version = row["set_version"].as<std::int64_t>(),
          .due_at = TimeOf(row["due_micros"])};
}

SagaRow RowOf(const pqxx::row& row) {
  SagaRow result;
  result.saga = row["saga"].as<std::string>();
  result.id = row["instance"].as<std::string>();
  result.slot = row["slot"].as<int>();
  result.status = static_cast<SagaStatus>(row["status"].as<int>());
  result.steps = row["steps"].as<std::int64_t>();
  result.last_input_position = row["last_input_position"].as<std::int64_t>();
  result.undos = row["undos"].as<int>();
  result.timers = row["timers"].as<int>();
  if (!row["next_micros"].is_null()) {
    result.next_timer_at = TimeOf(row["next_micros"]);
  }
  result.reason = row["reason"].as<std::string>();
  result.updated_at = TimeOf(row["updated_micros"]);
  return result;
}

std::string SelectRows(Transaction& tx) {
  return absl::StrCat(
      "SELECT saga, instance, slot, status, steps, last_input_position,"
      " undos, timers, reason, ",
      ToMicros("next_timer_at"), " AS next_micros, ", ToMicros("updated_at"),
      " AS updated_micros FROM ", Table(tx, "saga_instances"));
}

// One statement for all instances of a batch, by the primary key; in the order
// of the keys, so that two writers cannot lock each other out.
void UpsertRows(Transaction& tx, std::span<const SagaWrite> writes) {
  std::vector<const SagaRow*> rows;
  for (const SagaWrite& write : writes) rows.push_back(&write.row);
  std::sort(rows.begin(), rows.end(), [](const SagaRow* a, const SagaRow* b) {
    return std::tie(a->saga, a->id) < std::tie(b->saga, b->id);
  });
  ArrayText saga, id, slot, status, steps, input, undos, timers, next, reason;
  for (const SagaRow* row : rows) {
    saga.Add(row->saga);
    id.Add(row->id);
    slot.Add(row->slot);
    status.Add(static_cast<int>(row->status));
    steps.Add(row->steps);
    input.Add(row->last_input_position);
    undos.Add(row->undos);
    timers.Add(row->timers);
    row->next_timer_at.has_value()
        ? next.Add(absl::ToUnixMicros(*row->next_timer_at))
        : next.AddNull();
    // A user's words, cut where PostgreSQL would refuse them.
    reason.Add(row->reason.substr(0, row->reason.find('\0')));
  }
  tx.sql()->exec_params0(
      absl::StrCat(
          "INSERT INTO ", Table(tx, "saga_instances"),
          " (saga, instance, slot, status, steps, last_input_position,"
          " undos, timers, next_timer_at, reason, updated_at)"
          " SELECT saga, instance, slot, status, steps, input, undos, timers, ",
          FromMicros("next"),
          ", reason, clock_timestamp()"
          " FROM unnest($1::text[], $2::text[], $3::int[], $4::smallint[],"
          " $5::bigint[], $6::bigint[], $7::int[], $8::int[], $9::bigint[],"
          " $10::text[]) AS n(saga, instance, slot, status, steps, input,"
          " undos, timers, next, reason)"
          " ON CONFLICT (saga, instance) DO UPDATE SET"
          " slot = excluded.slot, status = excluded.status,"
          " steps = excluded.steps,"
          " last_input_position = excluded.last_input_position,"
          " undos = excluded.undos, timers = excluded.timers,"
          " next_timer_at = excluded.next_timer_at,"
          " reason = excluded.reason, updated_at = excluded.updated_at"),
      saga.Done(), id.Done(), slot.Done(), status.Done(), steps.Done(),
      input.Done(), undos.Done(), timers.Done(), next.Done(), reason.Done());
}

// By the primary key.
void DropTimers(Transaction& tx, std::span<const SagaWrite> writes) {
  ArrayText saga, id, name;
  bool is_empty = true;
  for (const SagaWrite& write : writes) {
    for (const std::string& timer : write.dropped_timers) {
      saga.Add(write.row.saga);
      id.Add(write.row.id);
      name.Add(timer);
      is_empty = false;
    }
  }
  if (is_empty) return;
  tx.sql()->exec_params0(
      absl::StrCat("DELETE FROM ", Table(tx, "saga_timers"),
                   " t USING unnest($1::text[], $2::text[], $3::text[])"
                   " AS d(saga, instance, name)"
                   " WHERE t.saga = d.saga AND t.instance = d.instance"
                   " AND t.name = d.name"),
      saga.Done(), id.Done(), name.Done());
}

// By the primary key.
void SetTimers(Transaction& tx, std::span<const SagaWrite> writes) {
  ArrayText saga, id, name, slot, due, version;
  bool is_empty = true;
  for (const SagaWrite& write : writes) {
    for (const SagaTimerRow& timer : write.set_timers) {
      saga.Add(write.row.saga);
      id.Add(timer.id);
      name.Add(timer.name);
      slot.Add(timer.slot);
      due.Add(absl::ToUnixMicros(timer.due_at));
      version.Add(timer.set_version);
      is_empty = false;
    }
  }
  if (is_empty) return;
  tx.sql()->exec_params0(
      absl::StrCat("INSERT INTO ", Table(tx, "saga_timers"),
                   " (saga, instance, name, slot, due_at, set_version)"
                   " SELECT saga, instance, name, slot, ",
                   FromMicros("due"),
                   ", version FROM unnest($1::text[], $2::text[], $3::text[],"
                   " $4::int[], $5::bigint[], $6::bigint[])"
                   " AS n(saga, instance, name, slot, due, version)"
                   " ON CONFLICT (saga, instance, name) DO UPDATE SET"
                   " slot = excluded.slot, due_at = excluded.due_at,"
                   " set_version = excluded.set_version"),
      saga.Done(), id.Done(), name.Done(), slot.Done(), due.Done(),
      version.Done());
}

// The head of each slot's queue in saga_timers_due, whatever its length.
std::vector<SagaTimerRow> SelectDue(Transaction& tx, const std::string& saga,
                                    const std::string& slots, int limit) {
  std::vector<SagaTimerRow> timers;
  for (const pqxx::row& row : tx.sql()->exec_params(
           absl::StrCat(
               "SELECT t.instance, t.name, t.set_version, t.slot, ",
               ToMicros("t.due_at"),
               " AS due_micros FROM unnest($2::int[]) AS s(slot),"
               " LATERAL (SELECT * FROM ",
               Table(tx, "saga_timers"),
               " WHERE saga = $1 AND slot = s.slot"
               " AND due_at <= statement_timestamp()"
               " ORDER BY due_at LIMIT $3) t ORDER BY t.due_at LIMIT $3"),
           saga, slots, limit)) {
    timers.push_back(TimerOf(row));
  }
  return timers;
}

// How long until the first timer of the slots is due, at most kRecheck. By the
// same index.
absl::Duration UntilNext(Transaction& tx, const std::string& saga,
                         const std::string& slots) {
  const pqxx::row row = tx.sql()->exec_params1(
      absl::StrCat("SELECT (extract(epoch FROM"
                   " min(t.due_at) - clock_timestamp()) * 1000000)::bigint"
                   " FROM unnest($2::int[]) AS s(slot),"
                   " LATERAL (SELECT due_at FROM ",
                   Table(tx, "saga_timers"),
                   " WHERE saga = $1 AND slot = s.slot"
                   " ORDER BY due_at LIMIT 1) t"),
      saga, slots);
  if (row[0].is_null()) return kRecheck;
  const absl::Duration wait = absl::Microseconds(row[0].as<std::int64_t>());
  return std::clamp(wait, absl::ZeroDuration(), kRecheck);
}

class PostgresSagaStorage final : public SagaStorage {
 public:
  explicit PostgresSagaStorage(EventStore& store) : store_(store) {}

  absl::StatusOr<absl::Time> Now(Transaction& tx) override;
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
  // Runs `work` in a transaction of its own.
  absl::Status Read(std::string_view doing,
                    absl::FunctionRef<void(Transaction&)> work) {
    return store_.Transact([&](Transaction& tx) {
      return postgres::CatchingAll(doing, [&] {
        work(tx);
        return absl::OkStatus();
      });
    });
  }

  EventStore& store_;
};

absl::StatusOr<absl::Time> PostgresSagaStorage::Now(Transaction& tx) {
  return postgres::CatchingAll(
      "asking the database for the time", [&]() -> absl::StatusOr<absl::Time> {
        return TimeOf(tx.sql()->exec1(
            absl::StrCat("SELECT ", ToMicros("clock_timestamp()")))[0]);
      });
}

absl::Status PostgresSagaStorage::Write(Transaction& tx,
                                        std::span<const SagaWrite> writes) {
  return postgres::CatchingAll("writing steps of sagas", [&] {
    DropTimers(tx, writes);
    SetTimers(tx, writes);
    UpsertRows(tx, writes);
    return absl::OkStatus();
  });
}

absl::StatusOr<DueTimers> PostgresSagaStorage::ReadDue(
    const std::string& saga, std::span<const int> slots, int limit) {
  ArrayText array;
  for (const int slot : slots) array.Add(slot);
  const std::string wanted = array.Done();
  DueTimers due;
  STELE_RETURN_IF_ERROR(store_.Transact([&](Transaction& tx) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(due.now, Now(tx));
    return postgres::CatchingAll("looking for timers that are due", [&] {
      due.timers = SelectDue(tx, saga, wanted, limit);
      if (due.timers.empty()) due.next_in = UntilNext(tx, saga, wanted);
      return absl::OkStatus();
    });
  }));
  return due;
}

absl::StatusOr<std::vector<SagaTimerRow>> PostgresSagaStorage::TakeTimers(
    Transaction& tx, const std::string& saga,
    std::span<const SagaTimerRow> timers) {
  ArrayText id, name, version;
  for (const SagaTimerRow& timer : timers) {
    id.Add(timer.id);
    name.Add(timer.name);
    version.Add(timer.set_version);
  }
  std::vector<SagaTimerRow> taken;
  // By the primary key.
  STELE_RETURN_IF_ERROR(postgres::CatchingAll("taking up timers", [&] {
    for (const pqxx::row& row : tx.sql()->exec_params(
             absl::StrCat(
                 "DELETE FROM ", Table(tx, "saga_timers"),
                 " t USING unnest($2::text[], $3::text[], $4::bigint[])"
                 " AS d(instance, name, version) WHERE t.saga = $1"
                 " AND t.instance = d.instance AND t.name = d.name"
                 " AND t.set_version = d.version RETURNING t.instance, t.name,"
                 " t.set_version, t.slot, ",
                 ToMicros("t.due_at"), " AS due_micros"),
             saga, id.Done(), name.Done(), version.Done())) {
      taken.push_back(TimerOf(row));
    }
    return absl::OkStatus();
  }));
  std::sort(taken.begin(), taken.end(),
            [](const SagaTimerRow& a, const SagaTimerRow& b) {
              return a.due_at < b.due_at;
            });
  return taken;
}

// By the primary keys.
absl::Status PostgresSagaStorage::VoidTimers(Transaction& tx,
                                             const std::string& saga,
                                             const std::string& id) {
  return postgres::CatchingAll("taking away timers", [&] {
    tx.sql()->exec_params0(
        absl::StrCat("DELETE FROM ", Table(tx, "saga_timers"),
                     " WHERE saga = $1 AND instance = $2"),
        saga, id);
    tx.sql()->exec_params0(absl::StrCat("UPDATE ", Table(tx, "saga_instances"),
                                        " SET timers = 0, next_timer_at = NULL"
                                        " WHERE saga = $1 AND instance = $2"),
                           saga, id);
    return absl::OkStatus();
  });
}

// By saga_instances_by_age, when both saga and status are given.
absl::StatusOr<std::vector<SagaRow>> PostgresSagaStorage::List(
    const SagaRowQuery& query) {
  std::vector<SagaRow> rows;
  STELE_RETURN_IF_ERROR(Read("listing sagas", [&](Transaction& tx) {
    rows.clear();
    std::string sql = absl::StrCat(SelectRows(tx), " WHERE true");
    if (!query.saga.empty()) {
      absl::StrAppend(
          &sql, " AND saga = ",
          postgres::QuoteLiteral(query.saga.substr(0, query.saga.find('\0'))));
    }
    if (query.status.has_value()) {
      absl::StrAppend(&sql, " AND status = ", static_cast<int>(*query.status));
    }
    absl::StrAppend(&sql, " ORDER BY updated_at, instance LIMIT ", query.limit);
    for (const pqxx::row& row : tx.sql()->exec(sql)) {
      rows.push_back(RowOf(row));
    }
  }));
  return rows;
}

absl::StatusOr<std::optional<SagaRow>> PostgresSagaStorage::Find(
    const std::string& saga, const std::string& id) {
  std::optional<SagaRow> found;
  const auto has_nul = [](const std::string& text) {
    return text.find('\0') != std::string::npos;
  };
  if (has_nul(saga) || has_nul(id)) return found;
  // By the primary key.
  STELE_RETURN_IF_ERROR(Read("looking for a saga", [&](Transaction& tx) {
    found.reset();
    for (const pqxx::row& row : tx.sql()->exec_params(
             absl::StrCat(SelectRows(tx), " WHERE saga = $1 AND instance = $2"),
             saga, id)) {
      found = RowOf(row);
    }
  }));
  return found;
}

// By saga_instances_by_age, as a whole.
absl::StatusOr<std::vector<SagaRowCount>> PostgresSagaStorage::Count() {
  std::vector<SagaRowCount> counts;
  STELE_RETURN_IF_ERROR(Read("counting sagas", [&](Transaction& tx) {
    counts.clear();
    for (const pqxx::row& row : tx.sql()->exec(absl::StrCat(
             "SELECT saga, status, count(*) FROM ", Table(tx, "saga_instances"),
             " GROUP BY saga, status ORDER BY saga, status"))) {
      counts.push_back({.saga = row[0].as<std::string>(),
                        .status = static_cast<SagaStatus>(row[1].as<int>()),
                        .instances = row[2].as<std::int64_t>()});
    }
  }));
  return counts;
}

}  // namespace

std::shared_ptr<SagaStorage> MakePostgresSagaStorage(EventStore& store) {
  return std::make_shared<PostgresSagaStorage>(store);
}

absl::Status CheckTables(Transaction& tx) {
  return postgres::CheckMigrated(*tx.sql(), tx.schema(),
                                 std::span(&SagaMigrations(), 1));
}

}  // namespace stele::sagas_internal
