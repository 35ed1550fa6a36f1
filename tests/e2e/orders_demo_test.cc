// The demo as a user starts it: what his environment says must neither mislead
// it nor lead it where he does not expect it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "input/make_orders.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/private_postgres.h"
#include "stele/sandbox/supervised_process.h"

namespace orders {
namespace {

namespace sandbox = stele::sandbox;

using ::testing::AllOf;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Minutes(2);

// Orders that end well, and so at once.
std::vector<OrderInput> GoodOrders(std::size_t count, std::uint32_t seed,
                                   const std::string& prefix) {
  std::vector<OrderInput> good;
  const auto expected = ExpectedOutcomes(MakeOrders(100, seed));
  for (OrderInput order : MakeOrders(100, seed)) {
    if (expected.at(order.order_id) != Outcome::kShipped) continue;
    if (good.size() == count) break;
    const bool is_again =
        !good.empty() && good.back().order_id == prefix + order.order_id;
    if (is_again) continue;
    order.order_id = prefix + order.order_id;
    good.push_back(order);
  }
  return good;
}

class OrdersDemoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = sandbox::PrivateFolder::Create();
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_ = *std::move(folder);
  }

  std::string Write(const std::string& name,
                    const std::vector<OrderInput>& orders) {
    const std::string path = absl::StrCat(folder_->path(), "/", name);
    std::ofstream file(path);
    for (const OrderInput& order : orders) file << FormatOrder(order) << "\n";
    return path;
  }

  // Settings that documentation has one export for services, and `env`.
  std::vector<std::string> ServicesEnvironment(std::vector<std::string> env) {
    env.insert(env.end(), {"STELE_SCHEMA=shop", "STELE_CONFIG=/no/such/file",
                           "STELE_BROKER_URL=nats://127.0.0.1:1",
                           "STELE_HTTP_ADDRESS=nonsense"});
    return env;
  }

  // What the demo writes, and its exit code in the last line.
  std::string RunDemo(const std::string& arguments,
                      const std::vector<std::string>& env) {
    const auto output = sandbox::RunProgram(
        {.argv = {"sh", "-c",
                  absl::StrCat("'", DEMO_PROGRAM, "' ", arguments,
                               " ; echo code $?")},
         .env = ServicesEnvironment(env),
         .env_unwanted = {"STELE_"}},
        kPatience);
    return output.ok() ? *output : output.status().ToString();
  }

  std::unique_ptr<sandbox::PrivateFolder> folder_;
};

std::vector<std::string> SchemasIn(const std::string& dsn) {
  pqxx::connection connection(dsn);
  pqxx::work tx(connection);
  std::vector<std::string> names;
  for (const auto& row :
       tx.exec("SELECT nspname FROM pg_namespace WHERE nspname !~ "
               "'^(pg_|information_schema|public)' ORDER BY 1")) {
    names.push_back(row[0].as<std::string>());
  }
  return names;
}

TEST_F(OrdersDemoTest, InAGivenDatabaseItKeepsToItsOwnSchemasAndOrders) {
  auto postgres = sandbox::PrivatePostgres::Start();
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  const std::vector<std::string> env = {
      absl::StrCat("STELE_DATABASE_URL=", (*postgres)->dsn())};

  const auto some = GoodOrders(3, 7, "X-");
  const std::string first = RunDemo("--input " + Write("some", some), env);
  EXPECT_THAT(first, AllOf(HasSubstr("NOTE: STELE_DATABASE_URL is given"),
                           HasSubstr("3 orders sent in: 3 placed, 0 known"),
                           EndsWith("code 0\n")));
  const auto schemas = SchemasIn((*postgres)->dsn());
  EXPECT_THAT(schemas,
              IsSupersetOf({"orders_demo_orders", "orders_demo_payments"}));
  EXPECT_THAT(schemas, Each(StartsWith("orders_demo_")));

  // Others afterwards are all that is reported and judged.
  const std::string second =
      RunDemo("--input " + Write("others", GoodOrders(4, 8, "Y-")), env);
  EXPECT_THAT(second, AllOf(HasSubstr("4 orders sent in: 4 placed"),
                            HasSubstr("and 3 of earlier runs"),
                            Not(HasSubstr("differs")), EndsWith("code 0\n")));

  // Others that would be taken for the first ones are not sent in.
  auto impostors = some;
  impostors[1].customer_id += "0";
  EXPECT_THAT(RunDemo("--input " + Write("impostors", impostors), env),
              AllOf(HasSubstr("is another one"), Not(HasSubstr("sent in")),
                    EndsWith("code 4\n")));
}

TEST_F(OrdersDemoTest, NamesTheVariableOfADatabaseThatIsNotThere) {
  EXPECT_THAT(
      RunDemo("--orders 1", {"STELE_DATABASE_URL=host=127.0.0.1 port=1"}),
      AllOf(HasSubstr("orders-demo: STELE_DATABASE_URL: "),
            Not(HasSubstr("--database-url")), EndsWith("code 3\n")));
}

TEST_F(OrdersDemoTest, FailsIfItsReportCannotBeWritten) {
  const std::string input = Write("orders", GoodOrders(2, 7, ""));
  EXPECT_THAT(RunDemo("--input " + input + " >/dev/full", {}),
              AllOf(HasSubstr("standard output could not be written"),
                    EndsWith("code 1\n")));
}

TEST_F(OrdersDemoTest, KeepsRunningWithoutInputUntilItIsSignalled) {
  const std::string input = Write("orders", GoodOrders(2, 7, ""));
  const std::string log = folder_->path() + "/log";
  auto demo = sandbox::SupervisedProcess::Start(
      {.argv = {DEMO_PROGRAM, "--keep", "--input", input},
       .env = ServicesEnvironment({}),
       .env_unwanted = {"STELE_"},
       .log_file = log,
       .stop_timeout = kPatience,
       .folder = folder_.get()});
  ASSERT_TRUE(demo.ok()) << demo.status();
  std::string said;
  for (const absl::Time deadline = absl::Now() + kPatience;
       said.find("Still running, until SIGINT or SIGTERM") ==
           std::string::npos &&
       absl::Now() < deadline && (*demo)->IsRunning();
       absl::SleepFor(absl::Milliseconds(20))) {
    std::ifstream file(log);
    said.assign(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_THAT(said, HasSubstr("Still running, until SIGINT or SIGTERM"));
  EXPECT_TRUE((*demo)->IsRunning()) << said;
  EXPECT_EQ(sandbox::ToString((*demo)->Stop()), "exited with code 0");
}

}  // namespace
}  // namespace orders
