#include "demo/demo.h"

#include <pqxx/pqxx>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "demo/order_gate.h"
#include "demo/progress.h"
#include "orders/order.stele.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/eventstore/transaction.h"
#include "stele/outbox/inbox_storage.h"
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

absl::StatusOr<std::int64_t> CountRunning(stele::EventStore& store) {
  STELE_ASSIGN_OR_RETURN(auto sagas, stele::OpenSagaStorage(store));
  STELE_ASSIGN_OR_RETURN(const auto counts, sagas->Count());
  std::int64_t running = 0;
  for (const stele::SagaRowCount& count : counts) {
    if (count.status == stele::SagaStatus::kActive ||
        count.status == stele::SagaStatus::kCompensating) {
      running += count.instances;
    }
  }
  return running;
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

// Adds what is parked in one service's store, one line each.
absl::Status AddParked(stele::EventStore& store, const std::string& service,
                       std::vector<std::string>& parked) {
  STELE_ASSIGN_OR_RETURN(const auto consumers, store.consumers().List());
  for (const stele::ConsumerStatus& consumer : consumers) {
    if (consumer.parked_keys == 0) continue;
    STELE_ASSIGN_OR_RETURN(const auto keys,
                           store.consumers().ListParked(consumer.name));
    for (const stele::ParkedKey& key : keys) {
      parked.push_back(absl::StrCat(service, ", ", consumer.name, ": ", key.key,
                                    " at ", key.first_position, ": ",
                                    key.cause));
    }
  }
  STELE_ASSIGN_OR_RETURN(const auto inbox, stele::OpenInboxStorage(store));
  // Each service has one inbox, named like itself.
  STELE_ASSIGN_OR_RETURN(const auto messages, inbox->List(service));
  for (const stele::ParkedMessage& message : messages) {
    parked.push_back(absl::StrCat(service, ", inbox: ", message.message.topic,
                                  " of ", message.key, ": ", message.cause));
  }
  return absl::OkStatus();
}

// What keeps the services from coming to rest.
std::string WhyNotAtRest(Stores& stores) {
  const auto running = CountRunning(stores);
  std::string why = running.ok() ? absl::StrCat(*running, " sagas still run")
                                 : std::string(running.status().message());
  const absl::Status parked = CheckNothingParked(stores);
  if (!parked.ok()) {
    absl::StrAppend(&why, "; ", std::string(parked.message()));
  }
  return why;
}

// What the events make of one order's row.
struct Summary {
  int status = 0;
  std::int64_t total = 0;
  std::int64_t paid = 0;
  std::int64_t refunded = 0;
};

}  // namespace

absl::StatusOr<Stores> OpenStores(const Cluster& cluster) {
  Stores stores;
  stores.schemas = cluster.schemas();
  STELE_ASSIGN_OR_RETURN(stores.orders,
                         Open(cluster.database_url(), stores.schemas.orders));
  STELE_ASSIGN_OR_RETURN(stores.payments,
                         Open(cluster.database_url(), stores.schemas.payments));
  return stores;
}

absl::StatusOr<std::int64_t> CountRunning(Stores& stores) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t orders,
                         CountRunning(*stores.orders));
  STELE_ASSIGN_OR_RETURN(const std::int64_t payments,
                         CountRunning(*stores.payments));
  return orders + payments;
}

absl::Status CheckNothingParked(Stores& stores) {
  std::vector<std::string> parked;
  STELE_RETURN_IF_ERROR(AddParked(*stores.orders, "orders", parked));
  STELE_RETURN_IF_ERROR(AddParked(*stores.payments, "payments", parked));
  if (parked.empty()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("parked:\n  ", absl::StrJoin(parked, "\n  ")));
}

absl::Status AwaitRest(Stores& stores, std::int64_t orders,
                       absl::Duration at_most) {
  STELE_ASSIGN_OR_RETURN(auto sagas, stele::OpenSagaStorage(*stores.orders));
  const absl::Time deadline = absl::Now() + at_most;
  ProgressLine progress("Orders at rest", orders);
  // Several times in a row: something may be between the two services.
  constexpr int kEnough = 4;
  for (int quiet = 0; quiet < kEnough;) {
    if (const auto ended = CountEnded(*sagas); ended.ok()) {
      progress.Show(std::min(*ended, orders));
    }
    const auto at_rest = IsAtRest(stores);
    quiet = at_rest.ok() && *at_rest ? quiet + 1 : 0;
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("not at rest after ", absl::FormatDuration(at_most),
                       ": ", WhyNotAtRest(stores)));
    }
    absl::SleepFor(absl::Milliseconds(250));
  }
  return absl::OkStatus();
}

absl::Status CompareSummaries(Stores& stores, const Books& books) {
  const std::string query = absl::StrCat(
      "SELECT order_id, status, total_cents, paid_cents, refunded_cents FROM ",
      stores.schemas.orders, "_views.order_summary");
  std::map<std::string, Summary> rows;
  STELE_RETURN_IF_ERROR(stores.orders->Transact([&](stele::Transaction& tx) {
    rows.clear();
    for (const auto& row : tx.sql()->exec(query)) {
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

absl::Status CompareSales(Stores& stores, const Books& books) {
  const std::string query = absl::StrCat(
      "SELECT coalesce(sum(units), 0)::bigint, "
      "coalesce(sum(revenue_cents), 0)::bigint FROM ",
      stores.schemas.orders, "_views.daily_sales");
  std::int64_t units = 0;
  std::int64_t revenue = 0;
  STELE_RETURN_IF_ERROR(stores.orders->Transact([&](stele::Transaction& tx) {
    const pqxx::row sums = tx.sql()->exec1(query);
    units = sums[0].as<std::int64_t>();
    revenue = sums[1].as<std::int64_t>();
    return absl::OkStatus();
  }));
  std::int64_t shipped = 0;
  for (const StockLine& line : books.stock) shipped += line.shipped;
  if (units == shipped && revenue == books.shipped_value) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat(
      "daily_sales has ", units, " units for ", revenue, " cents, the events ",
      shipped, " for ", books.shipped_value));
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
