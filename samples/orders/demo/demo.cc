#include "demo/demo.h"

#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "demo/progress.h"
#include "orders/order.stele.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/eventstore/transaction.h"
#include "stele/projections/admin.h"
#include "stele/sagas/saga_storage.h"

namespace orders {
namespace {

absl::StatusOr<std::unique_ptr<stele::EventStore>> Open(
    const std::string& database_url, const std::string& schema) {
  stele::PostgresEventStoreOptions options;
  options.dsn = database_url;
  options.schema = schema;
  options.application_name = "orders-demo";
  return stele::OpenPostgresEventStore(std::move(options));
}

absl::StatusOr<std::int64_t> CountSagas(stele::EventStore& store,
                                        const std::string& saga,
                                        stele::SagaStatus status) {
  STELE_ASSIGN_OR_RETURN(auto storage, stele::OpenSagaStorage(store));
  STELE_ASSIGN_OR_RETURN(
      auto rows,
      storage->List({.saga = saga, .status = status, .limit = 1'000'000}));
  return static_cast<std::int64_t>(rows.size());
}

absl::StatusOr<std::int64_t> CountRunning(stele::EventStore& store,
                                          const std::string& saga) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t active,
                         CountSagas(store, saga, stele::SagaStatus::kActive));
  STELE_ASSIGN_OR_RETURN(
      const std::int64_t compensating,
      CountSagas(store, saga, stele::SagaStatus::kCompensating));
  return active + compensating;
}

// True iff every consumer has handled all that is in the log.
absl::StatusOr<bool> IsCaughtUp(stele::EventStore& store) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t head, store.Head());
  STELE_ASSIGN_OR_RETURN(auto consumers, store.consumers().List());
  for (const stele::ConsumerStatus& consumer : consumers) {
    // Inboxes read from the broker, not from the log.
    if (consumer.name.rfind("inbox/", 0) == 0) continue;
    for (const stele::SlotStatus& slot : consumer.slots) {
      if (slot.position < head) return false;
    }
  }
  return true;
}

absl::StatusOr<bool> IsAtRest(Stores& stores) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t running, CountRunning(stores));
  if (running > 0) return false;
  for (stele::EventStore* store :
       {stores.orders.get(), stores.payments.get()}) {
    STELE_ASSIGN_OR_RETURN(const bool caught_up, IsCaughtUp(*store));
    if (!caught_up) return false;
  }
  return true;
}

// What the events make of one order's row.
struct Summary {
  int status = 0;
  std::int64_t total = 0;
  std::int64_t paid = 0;
  std::int64_t refunded = 0;
};

}  // namespace

absl::StatusOr<Stores> OpenStores(const std::string& database_url) {
  Stores stores;
  STELE_ASSIGN_OR_RETURN(stores.orders, Open(database_url, "orders"));
  STELE_ASSIGN_OR_RETURN(stores.payments, Open(database_url, "payments"));
  return stores;
}

absl::StatusOr<std::int64_t> CountRunning(Stores& stores) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t orders,
                         CountRunning(*stores.orders, "OrderFulfilment"));
  STELE_ASSIGN_OR_RETURN(const std::int64_t payments,
                         CountRunning(*stores.payments, "Settlement"));
  return orders + payments;
}

absl::Status AwaitRest(Stores& stores, std::int64_t orders,
                       absl::Duration at_most) {
  const absl::Time deadline = absl::Now() + at_most;
  ProgressLine progress("Orders at rest", orders);
  int quiet = 0;
  for (;;) {
    const auto running = CountRunning(stores);
    if (running.ok()) {
      progress.Show(std::max<std::int64_t>(0, orders - *running),
                    absl::StrCat(*running, " on their way"));
    }
    // Twice in a row: something may be between the two services.
    const auto at_rest = IsAtRest(stores);
    quiet = at_rest.ok() && *at_rest ? quiet + 1 : 0;
    if (quiet >= 4) {
      progress.Show(orders);
      return absl::OkStatus();
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "not at rest after ", absl::FormatDuration(at_most), ": ",
          running.ok() ? absl::StrCat(*running, " sagas still run")
                       : std::string(running.status().message())));
    }
    absl::SleepFor(absl::Milliseconds(250));
  }
}

absl::Status CompareSummaries(stele::EventStore& store, const Books& books) {
  std::map<std::string, Summary> rows;
  STELE_RETURN_IF_ERROR(store.Transact([&](stele::Transaction& tx) {
    rows.clear();
    for (const auto& row : tx.sql()->exec(
             "SELECT order_id, status, total_cents, paid_cents, refunded_cents "
             "FROM orders_views.order_summary")) {
      rows[row[0].as<std::string>()] = {
          row[1].as<int>(), row[2].as<std::int64_t>(),
          row[3].as<std::int64_t>(), row[4].as<std::int64_t>()};
    }
    return absl::OkStatus();
  }));
  if (rows.size() != books.outcomes.size()) {
    return absl::InternalError(absl::StrCat("order_summary has ", rows.size(),
                                            " rows for ", books.outcomes.size(),
                                            " orders"));
  }
  for (const auto& [id, outcome] : books.outcomes) {
    const Summary& row = rows[id];
    const int expected = outcome == Outcome::kShipped ? ORDER_STATUS_SHIPPED
                                                      : ORDER_STATUS_CANCELLED;
    const std::int64_t kept = row.paid - row.refunded;
    if (row.status != expected ||
        kept != (outcome == Outcome::kShipped ? row.total : 0)) {
      return absl::InternalError(
          absl::StrCat("order_summary is wrong about order ", id));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RebuildSummaries(stele::EventStore& store) {
  STELE_ASSIGN_OR_RETURN(auto admin, stele::ProjectionAdmin::Create(store));
  STELE_ASSIGN_OR_RETURN(const stele::ProjectionStatus before,
                         admin->Status("OrderSummary"));
  STELE_RETURN_IF_ERROR(admin->RequestRebuild("OrderSummary"));
  ProgressLine progress("Rebuild", before.head);
  const absl::Time deadline = absl::Now() + absl::Minutes(5);
  while (absl::Now() < deadline) {
    STELE_ASSIGN_OR_RETURN(const stele::ProjectionStatus status,
                           admin->Status("OrderSummary"));
    if (status.progress.has_value()) {
      progress.Show(status.progress->position, status.progress->phase);
    }
    if (!status.last_error.empty()) {
      return absl::InternalError(status.last_error);
    }
    if (status.active.version > before.active.version) {
      progress.Show(before.head, "switched");
      return absl::StrCat("table ", status.active.table, " replaced ",
                          before.active.table, ": ", status.comparison);
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
  return absl::DeadlineExceededError("the rebuild took more than 5 minutes");
}

}  // namespace orders
