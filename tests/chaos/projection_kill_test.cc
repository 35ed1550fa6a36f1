// Processes with projections, killed at every step of their work: afterwards a
// fresh one finishes, and the tables are what the log says, exactly.
//
// PROJECTION_CHAOS_ROUNDS and PROJECTION_CHAOS_SEED make it longer, or the same
// again.
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "absl/strings/numbers.h"
#include "stele/base/clock.h"
#include "stele/sandbox/supervised_process.h"
#include "tests/chaos/kill_model.h"
#include "tests/chaos/replay.h"
#include "tests/projections/pg_fixture.h"

namespace stele::chaos {
namespace {

using ::stele::testing::IsOk;
using ::stele::testing::PgTest;
using ::stele::testing::Soon;

constexpr int kLockClass = 0x4B494C4C;  // Of the locks that stop processes.

// Where a process can be stopped: by a trigger that wants a lock in share mode,
// which the test holds while the point is armed.
struct Point {
  const char* name;
  const char* trigger;  // With {s} for the schema; "" = on each read model.
  bool needs_rebuild;
};

constexpr Point kPoints[] = {
    // Of tables of read models; told apart by stop_here().
    {"rows", "", false},
    {"inline rows", "", false},
    {"rows of a build", "", true},
    // Behind the log: before anything is written, and in the commit.
    {"leases", "BEFORE UPDATE ON {s}.consumer_owners", false},
    {"checkpoint", "BEFORE UPDATE OF position ON {s}.checkpoints", false},
    {"commit of a batch", "AFTER UPDATE OF position ON {s}.checkpoints", false},
    // With the append.
    {"events", "BEFORE INSERT ON {s}.events", false},
    {"commit of an append", "AFTER UPDATE OF version ON {s}.streams", false},
    // A rebuild, from its beginning to its end.
    {"lead", "BEFORE UPDATE OF builder_until ON {s}.projections", true},
    {"begin", "BEFORE INSERT ON {s}.projection_versions", true},
    {"catch-up", "BEFORE UPDATE OF build_phase ON {s}.projections", true},
    {"switch", "BEFORE UPDATE OF active ON {s}.projections", true},
    {"commit of a switch", "AFTER UPDATE OF active ON {s}.projections", true},
    {"forget", "BEFORE DELETE ON {s}.consumers", true},
    {"drop", "BEFORE UPDATE OF state ON {s}.projection_versions", true},
};
constexpr int kPointCount = static_cast<int>(std::size(kPoints));
constexpr const char* kProjections[] = {"AccountBalance", "DailyTurnover",
                                        "TransferStatus"};

enum class Blow { kKill, kKillAndEndBackend, kEndBackend };
constexpr Blow kBlows[] = {Blow::kKill, Blow::kKillAndEndBackend,
                           Blow::kEndBackend};
constexpr const char* kBlowNames[] = {"killed", "killed, its backend ended",
                                      "its backend ended"};

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  std::uint64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number
                                                            : otherwise;
}

class ProjectionKillTest : public PgTest {
 protected:
  using Process = std::unique_ptr<sandbox::SupervisedProcess>;

  ProjectionKillTest() : locks_(PostgresDsn()) { InstallStops(); }

  void InstallStops() {
    Execute(absl::StrCat(
        "CREATE FUNCTION ", StopFunction(schema_),
        " RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE point integer; BEGIN "
        "IF current_setting('application_name') LIKE '",
        kVictim,
        "%' THEN point := CASE WHEN TG_NARGS > 0 THEN TG_ARGV[0]::integer "
        "WHEN TG_TABLE_NAME LIKE 'transfer_status%' AND EXISTS (SELECT FROM ",
        schema_,
        ".projection_versions v WHERE v.table_name = TG_TABLE_NAME AND v.feed "
        "= 'appends') THEN 1 WHEN EXISTS (SELECT FROM ",
        schema_,
        ".projection_versions v WHERE v.table_name = TG_TABLE_NAME AND v.state "
        "= 'building') THEN 2 ELSE 0 END; PERFORM "
        "pg_advisory_xact_lock_shared(",
        kLockClass,
        ", point); END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN "
        "NEW; END $$"));
    for (int i = 0; i < kPointCount; ++i) {
      std::string on = kPoints[i].trigger;
      if (on.empty()) continue;
      on.replace(on.find("{s}"), 3, schema_);
      const bool is_deferred = on.starts_with("AFTER");
      Execute(absl::StrCat(
          "CREATE ", is_deferred ? "CONSTRAINT " : "", "TRIGGER stop", i, " ",
          on, is_deferred ? " DEFERRABLE INITIALLY DEFERRED" : "",
          " FOR EACH ROW EXECUTE FUNCTION ", schema_, ".stop_here(", i, ")"));
    }
  }

  void Start(Process& process, std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {
        PROJECTION_VICTIM, absl::StrCat("--dsn=", PostgresDsn()),
        absl::StrCat("--schema=", schema_),
        absl::StrCat("--name=", kVictim, ++started_)};
    argv.insert(argv.end(), more.begin(), more.end());
    auto made = sandbox::SupervisedProcess::Start({.argv = std::move(argv)});
    ASSERT_THAT(made, IsOk());
    process = *std::move(made);
  }

  void Arm(int point) { Lock("pg_advisory_lock", point); }
  void Disarm(int point) { Lock("pg_advisory_unlock", point); }

  // The backend that a process is stopped in, once there is one.
  std::string AwaitStopped(int point) {
    std::string pid;
    Await(kPoints[point].name, [&] {
      pid = Query(absl::StrCat(
          "SELECT min(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT "
          "granted AND classid = ",
          kLockClass, " AND objid = ", point));
      return !pid.empty();
    });
    return pid;
  }

  void EndBackend(const std::string& pid) {
    Query(absl::StrCat("SELECT pg_terminate_backend(", pid, ")"));
  }

  void AwaitNoBuild() {
    Await("the ends of builds", [&] {
      return Query(absl::StrCat(
                 "SELECT (SELECT count(*) FROM ", schema_,
                 ".projections WHERE building IS NOT NULL OR "
                 "requested_fingerprint IS NOT NULL) + (SELECT count(*) FROM ",
                 schema_, ".projection_versions WHERE state = 'dropped')")) ==
             "0";
    });
  }

  // Refused while a process that serves it has not yet said that it is alive.
  void RequestRebuild(const std::string& projection) {
    Await("a rebuild of " + projection,
          [&] { return admin_->RequestRebuild(projection).ok(); });
  }

  // A fresh process finishes what is there, and the tables are right.
  void Verify() {
    Process fresh;
    Start(fresh);
    AwaitNoBuild();
    const auto head = store_->Head();
    ASSERT_THAT(head, IsOk());
    for (const char* projection : kProjections) {
      ASSERT_THAT(WaitForProjection(*store_, projection, *head, Soon()),
                  IsOk());
      EXPECT_EQ(StatusOf(projection).active.parked_keys, 0) << projection;
    }
    EXPECT_EQ(fresh->Stop().code, 0);
    ExpectReplayed();
  }

  void ExpectReplayed() {
    const auto replayed = ReplayTables(*store_);
    ASSERT_THAT(replayed, IsOk());
    EXPECT_EQ(
        absl::StrCat(
            SortedRows("account_balance", "account_id, balance_cents"),
            SortedRows("daily_turnover", "day, direction, amount_cents, count"),
            SortedRows("transfer_status", "transfer_id, amount_cents")),
        *replayed);
  }

  std::string SortedRows(const std::string& table, const std::string& columns) {
    return Query(
        absl::StrCat("SELECT string_agg(r::text || E'\\n', '' ORDER BY "
                     "r::text COLLATE \"C\") FROM (SELECT ",
                     columns, " FROM ", views(), ".", table, ") r"));
  }

  static char StateOf(const Process& process) {
    std::ifstream stat(absl::StrCat("/proc/", process->pid(), "/stat"));
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    const std::size_t name_end = text.rfind(')');
    return name_end == std::string::npos ? '?' : text[name_end + 2];
  }

 private:
  void Lock(const char* function, int point) {
    pqxx::nontransaction work(locks_);
    work.exec(
        absl::StrCat("SELECT ", function, "(", kLockClass, ", ", point, ")"));
  }

  pqxx::connection locks_;
  int started_ = 0;
};

TEST_F(ProjectionKillTest, WhateverIsKilledWhenTheTablesAreWhatTheLogSays) {
  const std::uint64_t seed = FromEnvironment(
      "PROJECTION_CHAOS_SEED",
      static_cast<std::uint64_t>(absl::ToUnixMicros(SystemClock().Now())));
  const std::uint64_t rounds =
      std::max<std::uint64_t>(1, FromEnvironment("PROJECTION_CHAOS_ROUNDS", 1));
  std::cout << "PROJECTION_CHAOS_SEED=" << seed
            << " PROJECTION_CHAOS_ROUNDS=" << rounds << std::endl;
  std::mt19937_64 random(seed);
  const auto seed_flag = [&] {
    return std::vector<std::string>{
        absl::StrCat("--seed=", 1 + random() % 1000)};
  };
  Process victim;
  Start(victim, seed_flag());
  for (const char* projection : kProjections) RequestRebuild(projection);
  AwaitNoBuild();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::vector<int> order(kPointCount);
    for (int i = 0; i < kPointCount; ++i)
      order[static_cast<std::size_t>(i)] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (const int point : order) {
      const auto blow = static_cast<std::size_t>(random() % std::size(kBlows));
      SCOPED_TRACE(absl::StrCat(kPoints[point].name, ": ", kBlowNames[blow]));
      Arm(point);
      if (kPoints[point].needs_rebuild) {
        RequestRebuild(kProjections[random() % std::size(kProjections)]);
      }
      const std::string backend = AwaitStopped(point);
      ASSERT_FALSE(HasFailure());
      if (kBlows[blow] != Blow::kEndBackend) victim->Kill9();
      if (kBlows[blow] != Blow::kKill) EndBackend(backend);
      Disarm(point);
      if (!victim->IsRunning()) Start(victim, seed_flag());
      AwaitNoBuild();
      if (random() % 4 != 0) continue;
      EXPECT_EQ(victim->Stop().code, 0);
      Verify();
      ASSERT_FALSE(HasFailure());
      Start(victim, seed_flag());
    }
  }
  victim->Kill9();
  Verify();
}

// Both work; one is frozen with events in hand, loses its leases, and wakes.
TEST_F(ProjectionKillTest, WhoeverWakesAfterItsLeaseWritesNothing) {
  Process frozen;
  Process other;
  Start(frozen, {"--freeze"});
  RequestRebuild("AccountBalance");
  AwaitNoBuild();  // It runs, and owns all slots.
  testing::Process writer(*store_, {{MakeProjectionType<Touches>(), true}},
                          FastOptions("writer"));
  ASSERT_THAT(writer.status(), IsOk());
  ASSERT_THAT(
      testing::Append(writer->store(), "ada",
                      {testing::Paid(kFreezingCents), testing::Paid(1)}),
      IsOk());
  Await("the freeze", [&] { return StateOf(frozen) == 'T'; });
  // Other threads of it may be frozen in a transaction, which the server would
  // end after a minute.
  Await("no transaction of the frozen one", [&] {
    return Query(absl::StrCat(
               "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
               "WHERE application_name = '",
               kVictim, "1' AND state <> 'idle'")) == "0";
  });
  Start(other);
  const auto last = testing::Append(writer->store(), "ada", {testing::Took(2)});
  ASSERT_THAT(last, IsOk());
  for (const char* projection : {"AccountBalance", "DailyTurnover"}) {
    ASSERT_THAT(WaitForProjection(*store_, projection, *last, Soon()), IsOk());
  }
  const std::string versions = "SELECT string_agg(xmin::text, ',') FROM " +
                               views() + ".\"" +
                               StatusOf("AccountBalance").active.table + "\"";
  const std::string before = Query(versions);
  frozen->Signal(SIGCONT);
  Await("slots shared again", [&] {
    return Query(absl::StrCat(
               "SELECT count(DISTINCT lease_owner) FROM ", schema_,
               ".checkpoints WHERE lease_owner IS NOT NULL AND consumer = '",
               ActiveConsumer("AccountBalance"), "'")) == "2";
  });
  EXPECT_EQ(Query(versions), before);
  EXPECT_EQ(frozen->Stop().code, 0);
  EXPECT_EQ(other->Stop().code, 0);
  Verify();
}

}  // namespace
}  // namespace stele::chaos
