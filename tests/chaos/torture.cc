// torture: many processes append, roll back, stall and die while others
// subscribe and die, beside unrelated work that must delay nobody. The history
// they leave is then judged.
#include <libpq-fe.h>

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/runtime/config.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/private_postgres.h"
#include "stele/sandbox/supervised_process.h"
#include "tests/chaos/history.h"
#include "tests/chaos/torture_roles.h"

namespace stele::chaos {
namespace {

constexpr char kSchema[] = "torture";

struct Settings {
  std::string role = "coordinator";
  RoleOptions role_options;
  std::int64_t seed = 0;  // 0 = from the clock.
  std::int64_t role_seed = 0;
  std::int64_t seconds = 30;
  std::int64_t writers = 8;
  std::int64_t subscribers = 3;
  std::string broken = "nothing";
};

class Sql {
 public:
  explicit Sql(const std::string& dsn)
      : connection_(
            PQconnectdb(
                (dsn + " options='-c client_min_messages=warning'").c_str()),
            PQfinish) {}

  absl::StatusOr<std::vector<std::vector<std::string>>> Query(
      const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(
        PQexec(connection_.get(), sql.c_str()), PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      return absl::InternalError(
          absl::StrCat(sql, ": ", PQerrorMessage(connection_.get())));
    }
    std::vector<std::vector<std::string>> rows;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      rows.emplace_back();
      for (int column = 0; column < PQnfields(result.get()); ++column) {
        rows.back().push_back(PQgetvalue(result.get(), row, column));
      }
    }
    return rows;
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

// Moves the floor behind the taking of positions in the append function.
absl::Status BreakFloor(const std::string& dsn) {
  Sql sql(dsn);
  STELE_ASSIGN_OR_RETURN(
      const auto rows,
      sql.Query(absl::StrCat("SELECT pg_get_functiondef(p.oid) FROM pg_proc p "
                             "JOIN pg_namespace n ON n.oid = p.pronamespace "
                             "WHERE n.nspname = '",
                             kSchema, "' AND p.proname = 'append_write'")));
  std::string body = rows.at(0).at(0);
  const std::size_t begin = body.find("SELECT p.last_value");
  const std::size_t end = body.find("IF low_on_room");
  if (begin == std::string::npos || end == std::string::npos) {
    return absl::InternalError("the append function has changed its shape");
  }
  const std::string floor = body.substr(begin, end - begin);
  body.erase(begin, end - begin);
  const std::size_t insert = body.find("INSERT INTO");
  body.insert(insert, floor);
  return sql.Query(body).status();
}

// Work that has nothing to do with the store: a transaction that writes and
// stays open all the time, a prepared one, and indexes made over and over.
class UnrelatedWork {
 public:
  static absl::StatusOr<std::unique_ptr<UnrelatedWork>> Start(
      const std::string& dsn) {
    auto work = std::unique_ptr<UnrelatedWork>(new UnrelatedWork(dsn));
    for (const char* sql :
         {"CREATE TABLE unrelated AS SELECT g AS id, md5(g::text) AS text "
          "FROM generate_series(1, 200000) AS g",
          "BEGIN", "INSERT INTO unrelated VALUES (-1, 'prepared')",
          "PREPARE TRANSACTION 'unrelated'", "BEGIN",
          "INSERT INTO unrelated VALUES (-2, 'open')"}) {
      STELE_RETURN_IF_ERROR(work->open_.Query(sql));
    }
    return work;
  }

  absl::Status MakeIndexAgain() {
    STELE_RETURN_IF_ERROR(indexer_.Query("DROP INDEX IF EXISTS unrelated_i"));
    // Not on `unrelated`, whose open writers it would wait for.
    return indexer_.Query("CREATE INDEX unrelated_i ON pages (text)").status();
  }

  absl::Status PrepareIndex() {
    return indexer_
        .Query(
            "CREATE TABLE pages AS SELECT md5(g::text) AS text FROM "
            "generate_series(1, 300000) AS g")
        .status();
  }

  absl::Status Finish() {
    STELE_RETURN_IF_ERROR(open_.Query("ROLLBACK"));
    return open_.Query("ROLLBACK PREPARED 'unrelated'").status();
  }

 private:
  explicit UnrelatedWork(const std::string& dsn) : open_(dsn), indexer_(dsn) {}
  Sql open_;
  Sql indexer_;
};

class Coordinator {
 public:
  explicit Coordinator(const Settings& settings)
      : settings_(settings),
        random_(static_cast<std::uint64_t>(settings.seed)) {}

  absl::Status Run() {
    STELE_RETURN_IF_ERROR(SetUp());
    STELE_RETURN_IF_ERROR(Disturb());
    STELE_RETURN_IF_ERROR(EndWriters());
    STELE_RETURN_IF_ERROR(AppendEnd());
    STELE_RETURN_IF_ERROR(AwaitSubscribers());
    return Judge();
  }

 private:
  using Process = std::unique_ptr<sandbox::SupervisedProcess>;

  absl::Status SetUp() {
    STELE_ASSIGN_OR_RETURN(server_,
                           sandbox::PrivatePostgres::Start(
                               {.durable = false, .shared_buffers = "256MB"}));
    STELE_ASSIGN_OR_RETURN(folder_, sandbox::PrivateFolder::Create());
    STELE_RETURN_IF_ERROR(MigrateEventStore(server_->dsn(), kSchema));
    if (settings_.broken == "floor") {
      STELE_RETURN_IF_ERROR(BreakFloor(server_->dsn()));
    }
    STELE_ASSIGN_OR_RETURN(unrelated_, UnrelatedWork::Start(server_->dsn()));
    STELE_RETURN_IF_ERROR(unrelated_->PrepareIndex());
    subscribers_.resize(static_cast<std::size_t>(settings_.subscribers));
    writers_.resize(static_cast<std::size_t>(settings_.writers));
    for (std::size_t i = 0; i < subscribers_.size(); ++i) {
      STELE_RETURN_IF_ERROR(Launch("subscriber", i, subscribers_[i]));
    }
    for (std::size_t i = 0; i < writers_.size(); ++i) {
      STELE_RETURN_IF_ERROR(Launch("writer", i, writers_[i]));
    }
    return absl::OkStatus();
  }

  std::string JournalOf(const std::string& role, std::size_t index) const {
    return absl::StrCat(folder_->path(), "/", role, index);
  }

  absl::Status Launch(const std::string& role, std::size_t index,
                      Process& process) {
    std::vector<std::string> argv = {
        "/proc/self/exe", absl::StrCat("--role=", role),
        absl::StrCat("--dsn=", server_->dsn()),
        absl::StrCat("--journal=", JournalOf(role, index)),
        absl::StrCat("--role-seed=", random_() >> 1)};
    if (settings_.broken == "reader" && role == "subscriber") {
      argv.push_back("--one-statement");
    }
    STELE_ASSIGN_OR_RETURN(
        process, sandbox::SupervisedProcess::Start({.argv = std::move(argv)}));
    return absl::OkStatus();
  }

  // Kills somebody every now and then, and makes indexes.
  absl::Status Disturb() {
    const absl::Time end = absl::Now() + absl::Seconds(settings_.seconds);
    while (absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(100 + random_() % 300));
      const bool is_writer = random_() % 3 != 0;
      auto& processes = is_writer ? writers_ : subscribers_;
      const std::size_t victim = random_() % processes.size();
      if (!processes[victim]->IsRunning()) {
        return absl::InternalError(absl::StrCat(
            is_writer ? "writer " : "subscriber ", victim, " ",
            sandbox::ToString(*processes[victim]->Wait(absl::Seconds(1))),
            " by itself"));
      }
      processes[victim]->Kill9();
      ++kills_;
      STELE_RETURN_IF_ERROR(Launch(is_writer ? "writer" : "subscriber", victim,
                                   processes[victim]));
      if (random_() % 4 == 0) {
        STELE_RETURN_IF_ERROR(unrelated_->MakeIndexAgain());
        ++indexes_;
      }
    }
    return absl::OkStatus();
  }

  absl::Status EndWriters() {
    for (Process& writer : writers_) writer->Signal(SIGTERM);
    for (Process& writer : writers_) {
      const sandbox::ExitState ended = writer->Stop();
      // One that had just been started may not yet listen to the signal; it
      // has not appended anything then.
      if (!ended.ok() && ended.signal != SIGTERM) {
        return absl::InternalError(
            absl::StrCat("a writer ", sandbox::ToString(ended)));
      }
    }
    return absl::OkStatus();
  }

  // The unrelated work is still under way when the end is appended: nobody who
  // waited for it would ever see the end.
  absl::Status AppendEnd() {
    STELE_ASSIGN_OR_RETURN(
        store_,
        OpenPostgresEventStore({.dsn = server_->dsn(), .schema = kSchema}));
    Journal journal(JournalOf("writer", writers_.size()));
    AppendRequest request{.stream_id = kEndStream};
    request.events.push_back({.id = RandomIds().Next(), .type = kEndType});
    const std::string id = request.events[0].id.ToString();
    journal.Write(absl::StrCat("I ", id));
    STELE_ASSIGN_OR_RETURN(const AppendResult result, store_->Append(request));
    journal.Write(absl::StrCat("A ", id, " ", kEndStream, " ", result.version,
                               " ", result.position));
    return absl::OkStatus();
  }

  absl::Status AwaitSubscribers() {
    for (std::size_t i = 0; i < subscribers_.size(); ++i) {
      const auto ended = subscribers_[i]->Wait(absl::Seconds(30));
      if (!ended.has_value()) {
        return absl::DeadlineExceededError(
            absl::StrCat("subscriber ", i, " did not see the end"));
      }
    }
    return unrelated_->Finish();
  }

  absl::StatusOr<std::vector<Fact>> ReadStored() {
    Sql sql(server_->dsn());
    STELE_ASSIGN_OR_RETURN(
        const auto rows,
        sql.Query(absl::StrCat(
            "SELECT e.event_id, s.name, e.version, e.position FROM ", kSchema,
            ".events e JOIN ", kSchema,
            ".streams s USING (stream_key) ORDER BY e.position")));
    std::vector<Fact> stored;
    for (const auto& row : rows) {
      stored.push_back({row[0], row[1], std::atoll(row[2].c_str()),
                        std::atoll(row[3].c_str())});
    }
    return stored;
  }

  absl::Status Judge() {
    std::vector<std::string> journals;
    for (std::size_t i = 0; i <= writers_.size(); ++i) {
      journals.push_back(JournalOf("writer", i));
    }
    STELE_ASSIGN_OR_RETURN(const Writings writings, ReadWritings(journals));
    STELE_ASSIGN_OR_RETURN(const std::vector<Fact> stored, ReadStored());
    std::vector<std::string> breaches;
    std::vector<std::int64_t> delays;
    for (std::size_t i = 0; i < subscribers_.size(); ++i) {
      STELE_ASSIGN_OR_RETURN(const std::vector<Fact> seen,
                             ReadSeen(JournalOf("subscriber", i)));
      for (const std::string& line : FindBreaches(writings, stored, seen)) {
        breaches.push_back(absl::StrCat("subscriber ", i, ": ", line));
      }
      for (const Fact& fact : seen) {
        if (fact.delay_micros > 0) delays.push_back(fact.delay_micros);
      }
    }
    std::sort(delays.begin(), delays.end());
    if (delays.empty()) return absl::InternalError("no delay was measured");
    const double p50 = static_cast<double>(delays[delays.size() / 2]) / 1e3;
    const double p99 =
        static_cast<double>(delays[delays.size() * 99 / 100]) / 1e3;
    std::cout << "events stored " << stored.size() << ", acknowledged "
              << writings.acknowledged.size() << ", refused "
              << writings.refused.size() << ", killed " << kills_ << " times, "
              << indexes_ << " indexes made; append to seen p50 " << p50
              << " ms, p99 " << p99 << " ms\n";
    if (!breaches.empty()) {
      return absl::InternalError(absl::StrCat("the history is broken:\n",
                                              absl::StrJoin(breaches, "\n")));
    }
    // The unrelated transactions lasted for the whole run; stalls of our own
    // last 50 ms. The bound is far from both.
    if (p99 > 5'000) {
      return absl::InternalError("somebody was delayed: p99 above 5 s");
    }
    return absl::OkStatus();
  }

  const Settings& settings_;
  std::mt19937_64 random_;
  std::unique_ptr<sandbox::PrivatePostgres> server_;
  std::unique_ptr<sandbox::PrivateFolder> folder_;
  std::unique_ptr<UnrelatedWork> unrelated_;
  std::unique_ptr<EventStore> store_;
  std::vector<Process> writers_;
  std::vector<Process> subscribers_;
  int kills_ = 0;
  int indexes_ = 0;
};

absl::Status RunRole(Settings& settings) {
  settings.role_options.schema = kSchema;
  settings.role_options.seed = static_cast<std::uint64_t>(settings.role_seed);
  if (settings.role == "writer") return RunWriter(settings.role_options);
  if (settings.role == "subscriber") {
    return RunSubscriber(settings.role_options);
  }
  if (settings.seed == 0) settings.seed = absl::ToUnixMicros(absl::Now());
  std::cout << "seed " << settings.seed << std::endl;
  return Coordinator(settings).Run();
}

int Main(int argc, const char* const* argv) {
  Settings settings;
  Config config("torture", "Tries to make the event store lose something.");
  config
      .Choice("role", &settings.role, {"coordinator", "writer", "subscriber"},
              "What this process is.")
      .Text("dsn", &settings.role_options.dsn, "Set by the coordinator.")
      .Text("journal", &settings.role_options.journal,
            "Set by the coordinator.")
      .Flag("one-statement", &settings.role_options.one_statement,
            "Set by the coordinator.")
      .Number("seed", &settings.seed, 0, INT64_MAX, "0 = from the clock.")
      .Number("role-seed", &settings.role_seed, 0, INT64_MAX,
              "Set by the coordinator.")
      .Number("seconds", &settings.seconds, 1, 1'000'000, "How long.")
      .Number("writers", &settings.writers, 1, 64, "Processes that append.")
      .Number("subscribers", &settings.subscribers, 1, 16,
              "Processes that subscribe.")
      .Choice("break", &settings.broken, {"nothing", "floor", "reader"},
              "What to break on purpose: the floor taken after the positions, "
              "or a log read in one statement.");
  if (absl::Status parsed = config.Parse(argc, argv); !parsed.ok()) {
    std::cerr << parsed.message() << "\n";
    return 2;
  }
  SetLogLevel(LogLevel::kError);
  const absl::Status status = RunRole(settings);
  if (status.ok()) return 0;
  std::cerr << settings.role << ": " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace stele::chaos

int main(int argc, char** argv) { return stele::chaos::Main(argc, argv); }
