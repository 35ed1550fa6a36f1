#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/in_memory_broker.h"
#include "stele/outbox/relay.h"
#include "stele/testing/status_matchers.h"
#include "tests/outbox/support.h"
#include "tests/support/postgres_env.h"

// Relays of two releases on one log, while one takes the place of the other.
namespace stele::testing {
namespace {

constexpr char kTopic[] = "tests.test";

// A process: its connections and its relay.
struct Process {
  std::unique_ptr<EventStore> store;
  std::unique_ptr<Relay> relay;
};

class RelayReleasesTest : public ::testing::Test {
 protected:
  RelayReleasesTest() : schema_(PostgresEnv::FreshSchema()) {
    EXPECT_THAT(MigrateEventStore(PostgresEnv::Dsn(), schema_), IsOk());
  }

  Process Start(const std::string& owner, const RelayRoutes& routes) {
    Process process;
    process.store =
        OpenPostgresEventStore({.dsn = PostgresEnv::Dsn(), .schema = schema_})
            .value();
    RelayOptions options;
    options.source = "/tests";
    options.slots = 4;
    process.relay =
        Relay::Create(*process.store, *broker_, routes, options, owner).value();
    return process;
  }
  static RelayRoutes OldRoutes() {
    return RelayRoutes().AddTo("test.Happened", kTopic);
  }
  static RelayRoutes NewRoutes() {
    return OldRoutes().AddTo("test.New", kTopic);
  }

  static void Append(Process& process, const std::string& what,
                     const std::string& type) {
    AppendRequest request;
    request.stream_id = absl::StrCat("a-", what.size());
    request.events = {HappenedEvent(what)};
    request.events[0].type = type;
    EXPECT_THAT(process.store->Append(request), IsOk());
  }

  // What of `wanted` the broker was not given.
  std::set<std::string> Missing(std::set<std::string> wanted) {
    for (const BrokerMessage& message : broker_->MessagesOf(kTopic)) {
      Happened happened;
      EXPECT_TRUE(happened.ParseFromString(message.body));
      wanted.erase(happened.value());
    }
    return wanted;
  }

  const std::string schema_;
  const std::unique_ptr<InMemoryBroker> broker_ = MakeInMemoryBroker();
};

TEST_F(RelayReleasesTest, TheOldOneMissesNothingOfWhatOnlyTheNewOneKnows) {
  Process old_one = Start("old", OldRoutes());
  Running old_running(*old_one.relay);
  std::set<std::string> wanted;
  Append(old_one, "first", "test.Happened");
  ASSERT_TRUE(Eventually([&] { return Missing({"first"}).empty(); }));

  // The old process is at work all the time, and its relay reads the log faster
  // than the new one's, which does not run yet.
  std::atomic<bool> is_over = false;
  std::atomic<int> appended = 0;
  std::thread busy([&] {
    while (!is_over) {
      Append(old_one, absl::StrCat("old ", appended.load()), "test.Happened");
      ++appended;
    }
  });
  Process new_one = Start("new", NewRoutes());
  ASSERT_THAT(new_one.relay->Join(), IsOk());
  for (int i = 0; i < 50; ++i) {
    const std::string what = absl::StrCat("new ", i);
    Append(new_one, what, "test.New");
    wanted.insert(what);
  }
  EXPECT_TRUE(Eventually(
      [&] { return !old_one.relay->Activity().why_it_yields.empty(); }));
  is_over = true;
  busy.join();
  for (int i = 0; i < appended; ++i) wanted.insert(absl::StrCat("old ", i));

  Running new_running(*new_one.relay);
  EXPECT_TRUE(Eventually([&] { return Missing(wanted).empty(); }))
      << Missing(wanted).size() << " were never published";
  EXPECT_THAT(old_one.relay->Activity().why_it_yields,
              ::testing::HasSubstr("does not know: test.New"));
  EXPECT_FALSE(old_running.has_ended());
}

TEST_F(RelayReleasesTest, TheOldOneGoesOnAfterTheNewOneWasStopped) {
  Process old_one = Start("old", OldRoutes());
  Process new_one = Start("new", NewRoutes());
  Running old_running(*old_one.relay);
  {
    Running new_running(*new_one.relay);
    Append(new_one, "one", "test.New");
    ASSERT_TRUE(Eventually([&] { return Missing({"one"}).empty(); }));
  }
  Append(old_one, "two", "test.Happened");
  EXPECT_TRUE(Eventually([&] { return Missing({"two"}).empty(); }));
  EXPECT_EQ(old_one.relay->Activity().why_it_yields, "");
}

}  // namespace
}  // namespace stele::testing
