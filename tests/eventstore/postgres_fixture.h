#ifndef STELE_TESTS_EVENTSTORE_POSTGRES_FIXTURE_H_
#define STELE_TESTS_EVENTSTORE_POSTGRES_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/testing/status_matchers.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {

// A store in PostgreSQL, and the database behind its back.
class PostgresStoreTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kPatience = absl::Seconds(30);

  // The server to use; the tests' shared one unless overridden.
  virtual std::string Dsn() { return PostgresEnv::Dsn(); }
  virtual PostgresEventStoreOptions Options() {
    return {.dsn = Dsn(), .schema = schema_};
  }

  void SetUp() override {
    schema_ = PostgresEnv::FreshSchema();
    ASSERT_THAT(MigrateEventStore(Dsn(), schema_), IsOk());
    store_ = Open();
    // So that the names used by InFlightAppend have numbers.
    pqxx::connection connection(Dsn());
    pqxx::nontransaction tx(connection);
    tx.exec(Sql("SELECT {s}.intern_types(ARRAY['test.Happened'])"));
    tx.exec(Sql("SELECT {s}.intern_categories(ARRAY['s'])"));
  }

  std::unique_ptr<EventStore> Open() { return Open(Options()); }
  static std::unique_ptr<EventStore> Open(PostgresEventStoreOptions options) {
    auto store = OpenPostgresEventStore(std::move(options));
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }

  EventStore& store() { return *store_; }
  void CloseStore() { store_.reset(); }
  const std::string& schema() const { return schema_; }

  // `text` with {s} replaced by the schema.
  std::string Sql(const std::string& text) const {
    return absl::StrReplaceAll(text, {{"{s}", schema_}});
  }

  static AppendRequest Request(
      const std::string& stream_id,
      ExpectedVersion expected = ExpectedVersion::Any(), int events = 1) {
    AppendRequest request{stream_id, expected, {}, std::nullopt};
    for (int i = 0; i < events; ++i) {
      request.events.push_back({RandomIds().Next(), "test.Happened",
                                "event " + std::to_string(i + 1), ""});
    }
    return request;
  }

  std::int64_t Append(const std::string& stream_id, int events = 1) {
    const auto result =
        store().Append(Request(stream_id, ExpectedVersion::Any(), events));
    EXPECT_THAT(result, IsOk());
    return result.ok() ? result->position : -1;
  }

  std::int64_t HeadOf(EventStore& of) {
    const auto head = of.Head();
    EXPECT_THAT(head, IsOk());
    return head.value_or(-1);
  }
  std::int64_t Head() { return HeadOf(store()); }

  std::vector<std::string> LogOf(EventStore& of) {
    std::vector<std::string> names;
    const auto progress =
        of.ReadLog({.limit = 1'000'000}, [&](const RecordedEvent& event) {
          names.push_back(event.stream_id);
          return absl::OkStatus();
        });
    EXPECT_THAT(progress, IsOk());
    return names;
  }

  // An append of one event by somebody else, which has taken its position and
  // is not committed yet.
  class InFlightAppend {
   public:
    InFlightAppend(const std::string& dsn, const std::string& schema,
                   const std::string& stream_id)
        : connection_(dsn), tx_(std::make_unique<pqxx::work>(connection_)) {
      tx_->exec("SELECT * FROM " + schema + ".append(ARRAY[" +
                tx_->quote(stream_id) +
                "], ARRAY[1], ARRAY[1], ARRAY[-1]::bigint[], true, "
                "ARRAY[gen_random_uuid()], ARRAY[false], true, ARRAY[1], "
                "ARRAY[1], ARRAY[1], ARRAY[gen_random_uuid()], ARRAY[1], "
                "ARRAY['\\x'::bytea], ARRAY['\\x'::bytea], 0)");
    }
    void Commit() {
      tx_->commit();
      tx_.reset();
    }
    void Rollback() {
      tx_->abort();
      tx_.reset();
    }
    pqxx::work& tx() { return *tx_; }

   private:
    pqxx::connection connection_;
    std::unique_ptr<pqxx::work> tx_;
  };
  std::unique_ptr<InFlightAppend> BeginAppend(const std::string& stream_id) {
    return std::make_unique<InFlightAppend>(Dsn(), schema_, stream_id);
  }

  // Asks the server until `sql` returns a row, and returns its first value.
  std::string AwaitRow(const std::string& sql) {
    pqxx::connection connection(Dsn());
    pqxx::nontransaction tx(connection);
    const absl::Time deadline = absl::Now() + kPatience;
    while (absl::Now() < deadline) {
      const pqxx::result rows = tx.exec(Sql(sql));
      if (!rows.empty()) return rows.at(0).at(0).c_str();
      std::this_thread::yield();
    }
    ADD_FAILURE() << "no row in time: " << Sql(sql);
    return "";
  }

 private:
  std::string schema_;
  std::unique_ptr<EventStore> store_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_EVENTSTORE_POSTGRES_FIXTURE_H_
