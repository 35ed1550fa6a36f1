#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/eventstore/transaction.h"
#include "stele/postgres/migrator.h"
#include "stele/sagas/migrations.h"
#include "stele/testing/status_matchers.h"
#include "tests/sagas/stores.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {

SagaStore MakePostgresSagaStore() {
  SagaStore made;
  const std::string& dsn = PostgresEnv::Dsn();
  const std::string schema = PostgresEnv::FreshSchema();
  EXPECT_THAT(MigrateEventStore(dsn, schema), IsOk());
  EXPECT_THAT(postgres::Migrate(dsn, schema, {&SagaMigrations(), 1}), IsOk());
  absl::StatusOr<std::unique_ptr<EventStore>> store =
      OpenPostgresEventStore({.dsn = dsn, .schema = schema});
  EXPECT_THAT(store, IsOk());
  made.store = *std::move(store);
  absl::StatusOr<std::shared_ptr<SagaStorage>> storage =
      OpenSagaStorage(*made.store);
  EXPECT_THAT(storage, IsOk());
  made.storage = *std::move(storage);
  // The database's clock cannot be moved, so the due times are.
  made.let_pass = [events = made.store, schema](absl::Duration time) {
    EXPECT_THAT(events->Transact([&](Transaction& tx) {
      tx.sql()->exec0(absl::StrCat(
          "UPDATE ", schema, ".saga_timers SET due_at = due_at - interval '",
          absl::ToInt64Seconds(time), " seconds'"));
      return absl::OkStatus();
    }),
                IsOk());
  };
  return made;
}

}  // namespace stele::testing
