#include "cli_fixture.h"

#include <fstream>
#include <iterator>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/runtime/migrate.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/supervised_process.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

namespace json = boost::json;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

json::object Answer::Json() const {
  boost::system::error_code error;
  const json::value value = json::parse(out, error);
  if (error || !value.is_object()) {
    ADD_FAILURE() << "no JSON object: " << out << "\n" << err;
    return {};
  }
  std::vector<std::string> names;
  for (const auto& member : value.as_object()) {
    names.emplace_back(member.key());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("version", "status", "data",
                                            "diagnostics"));
  return value.as_object();
}

json::value Answer::Data() const { return Json()["data"]; }

std::string Answer::Diagnostics() const {
  return json::serialize(Json()["diagnostics"]);
}

Answer RunStele(std::vector<std::string> arguments,
                std::vector<std::string> environment,
                const std::string& output) {
  const auto folder = sandbox::PrivateFolder::Create();
  EXPECT_THAT(folder, IsOk());
  const std::string out = (*folder)->path() + "/out";
  const std::string err = (*folder)->path() + "/err";
  std::vector<std::string> argv = {
      "/bin/sh", "-c", "exec \"$0\" \"$@\" " + output + " 2>\"$ERR\"",
      STELE_PROGRAM};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  environment.push_back("OUT=" + out);
  environment.push_back("ERR=" + err);
  const auto process =
      sandbox::SupervisedProcess::Start({.argv = std::move(argv),
                                         .env = std::move(environment),
                                         .folder = folder->get()});
  EXPECT_THAT(process, IsOk());
  const auto ended = (*process)->Wait(absl::Minutes(2));
  EXPECT_TRUE(ended.has_value()) << "still running";
  Answer answer;
  if (ended.has_value() && ended->signal == 0) answer.exit = ended->code;
  answer.out = ReadFile(out);
  answer.err = ReadFile(err);
  return answer;
}

CliTest::CliTest() : schema_(PostgresEnv::FreshSchema()) {}

const std::string& CliTest::Dsn() { return PostgresEnv::Dsn(); }

Answer CliTest::Stele(std::vector<std::string> arguments) const {
  return RunStele(std::move(arguments),
                  {"STELE_DATABASE_URL=" + Dsn(), "STELE_SCHEMA=" + schema_});
}

Answer CliTest::Json(std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"-o", "json"});
  Answer answer = Stele(std::move(arguments));
  answer.Json();
  return answer;
}

void CliTest::Migrate() { ASSERT_THAT(MigrateAll(Dsn(), schema_), IsOk()); }

std::shared_ptr<EventStore> CliTest::OpenStore() {
  auto store = OpenPostgresEventStore({.dsn = Dsn(), .schema = schema_});
  EXPECT_THAT(store, IsOk());
  return *std::move(store);
}

std::unique_ptr<Runtime> CliTest::StartService(
    const std::function<void(Runtime&)>& add) {
  auto runtime = std::make_unique<Runtime>(
      OpenStore(), RuntimeOptions{.service = "bank", .consumer_slots = 4});
  add(*runtime);
  EXPECT_THAT(runtime->Start(), IsOk());
  return runtime;
}

std::string CliTest::Query(const std::string& sql) const {
  pqxx::connection connection(Dsn());
  pqxx::nontransaction work(connection);
  const pqxx::result rows = work.exec(sql);
  return rows.empty() ? "" : rows[0][0].as<std::string>("");
}

void CliTest::Await(const std::string& what,
                    const std::function<bool()>& holds) {
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  while (!holds()) {
    ASSERT_LT(absl::Now(), deadline) << "never came: " << what;
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(20));
  }
}

json::value At(const json::value& value, std::string_view path) {
  boost::system::error_code error;
  const json::value* found =
      value.find_pointer({path.data(), path.size()}, error);
  if (found != nullptr) return *found;
  ADD_FAILURE() << "no " << path << " in " << json::serialize(value);
  return nullptr;
}

std::string TextAt(const json::value& value, std::string_view path) {
  const json::value found = At(value, path);
  return found.is_string() ? std::string(found.as_string()) : "";
}

}  // namespace stele::testing
