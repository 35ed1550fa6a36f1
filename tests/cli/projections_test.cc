#include <atomic>
#include <pqxx/pqxx>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "cli_fixture.h"
#include "tests/model/bank_rules.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CliProjectionsTest : public CliTest {
 protected:
  CliProjectionsTest() { Migrate(); }

  std::unique_ptr<Runtime> StartBank() {
    auto service = StartService([](Runtime& runtime) {
      runtime.Add<bank::AccountDecider>().Add<bank::Balances>();
      runtime.Add<bank::TransferStatuses>(ProjectionRun::kInline);
    });
    bank::AccountClient accounts(*service);
    const auto opened =
        accounts.OpenAccount({.account_id = "ada", .owner = "Ada"});
    EXPECT_THAT(
        service->WaitFor<bank::AccountBalance>(*opened, absl::Minutes(1)),
        IsOk());
    Await("a process that serves it", [this] {
      return !At(Json({"projections", "status", "AccountBalance"}).Data(),
                 "/processes")
                  .as_array()
                  .empty();
    });
    return service;
  }
};

TEST_F(CliProjectionsTest, ListsNoneOfAnEmptyStore) {
  const Answer answer = Json({"projections", "list"});
  EXPECT_EQ(answer.exit, 0);
  EXPECT_TRUE(answer.Data().as_array().empty());
}

TEST_F(CliProjectionsTest, ListsAndShowsWhatIsThere) {
  auto service = StartBank();
  const Answer list = Stele({"projections", "list"});
  EXPECT_EQ(list.exit, 0) << list.err;
  EXPECT_THAT(list.out,
              AllOf(HasSubstr("AccountBalance"), HasSubstr("following"),
                    HasSubstr("TransferStatus"), HasSubstr("inline")));
  const Answer status = Stele({"projections", "status", "AccountBalance"});
  EXPECT_EQ(status.exit, 0);
  EXPECT_THAT(status.out, AllOf(HasSubstr("version 1"), HasSubstr("bank@")));
}

TEST_F(CliProjectionsTest, RebuildsWhatARunningProcessServesAndUndoesIt) {
  auto service = StartBank();
  for (const std::string name : {"AccountBalance", "TransferStatus"}) {
    const Answer rebuilt =
        Stele({"projections", "rebuild", name, "--timeout", "60"});
    EXPECT_EQ(rebuilt.exit, 0) << rebuilt.err;
    EXPECT_THAT(rebuilt.out, AllOf(HasSubstr("switched from"),
                                   HasSubstr("undo with: stele projections")));
    const Answer status = Json({"projections", "status", name});
    EXPECT_EQ(At(status.Data(), "/active/version"), 2);
    EXPECT_EQ(At(status.Data(), "/previous/version"), 1);
    const Answer undone =
        Stele({"projections", "undo", name, "--timeout", "60"});
    EXPECT_EQ(undone.exit, 0) << undone.out;
    EXPECT_EQ(undone.err, "") << "no log";
    EXPECT_EQ(
        At(Json({"projections", "status", name}).Data(), "/active/version"), 1);
  }
  EXPECT_EQ(service->Find<bank::AccountBalance>("ada")->owner(), "Ada");
}

TEST_F(CliProjectionsTest, ARebuildAnswersWithOneJsonObject) {
  auto service = StartBank();
  const Answer rebuilt = Json({"projections", "rebuild", "AccountBalance"});
  EXPECT_EQ(rebuilt.exit, 0) << rebuilt.out;
  EXPECT_EQ(At(rebuilt.Data(), "/active/version"), 2);
  EXPECT_EQ(
      Json({"projections", "rebuild", "AccountBalance", "--no-wait"}).exit, 0);
}

TEST_F(CliProjectionsTest, RefusesToRebuildWhatNobodyServes) {
  ASSERT_THAT(StartBank()->Stop(), IsOk());
  Await("a refusal", [this] {
    const Answer answer = Json({"projections", "rebuild", "AccountBalance"});
    return answer.exit == 4 &&
           answer.Diagnostics().find("process") != std::string::npos;
  });
  EXPECT_THAT(Stele({"projections", "list"}).out,
              HasSubstr("nobody serves it"));
}

TEST_F(CliProjectionsTest, WhatNobodyServesIsAProblemOnceItIsBehind) {
  ASSERT_THAT(StartBank()->Stop(), IsOk());
  const auto list = [this] { return Stele({"projections", "list"}); };
  Await("nobody", [&] {
    return list().out.find("nobody serves it") != std::string::npos;
  });
  EXPECT_EQ(list().exit, 0) << "it has all events";
  auto service = StartService(
      [](Runtime& runtime) { runtime.Add<bank::AccountDecider>(); });
  ASSERT_THAT(bank::AccountClient(*service).OpenAccount(
                  {.account_id = "bob", .owner = "Bob"}),
              IsOk());
  EXPECT_EQ(list().exit, 1);
  EXPECT_EQ(Stele({"consumers", "list"}).exit, 1);
  const Answer status = Json({"projections", "status", "AccountBalance"});
  EXPECT_EQ(status.exit, 1);
  EXPECT_EQ(status.Json()["status"], "problem");
  EXPECT_EQ(Stele({"projections", "status", "TransferStatus"}).exit, 0)
      << "it is inline, and no event of its own was appended";
}

TEST_F(CliProjectionsTest, ShowsWhyAProjectionDoesNotGoOn) {
  auto service = StartBank();
  Query("INSERT INTO " + schema_ +
        ".projection_processes (name, process, fingerprint, is_inline, "
        "alive_until, last_error) VALUES ('AccountBalance', 'other', 'cafe', "
        "false, now() + interval '1 hour', 'its table is gone') RETURNING 1");
  const Answer list = Stele({"projections", "list"});
  EXPECT_EQ(list.exit, 1);
  EXPECT_THAT(list.out, HasSubstr("other: its table is gone"));
  const Answer status = Json({"projections", "status", "AccountBalance"});
  EXPECT_EQ(status.exit, 1);
  EXPECT_EQ(TextAt(status.Data(), "/problems/0"), "other: its table is gone");
  EXPECT_EQ(Stele({"projections", "status", "TransferStatus"}).exit, 0);
}

TEST_F(CliProjectionsTest, APausedProjectionIsAProblemOnceItIsBehind) {
  auto service = StartBank();
  const std::string consumer =
      "projection/AccountBalance@" +
      TextAt(Json({"projections", "status", "AccountBalance"}).Data(),
             "/active/fingerprint") +
      "_1";
  ASSERT_EQ(Stele({"consumers", "pause", consumer}).exit, 0);
  bank::AccountClient accounts(*service);
  int opened = 0;
  Answer list;
  // Its owner learns of the pause within a second.
  Await("it to be behind", [&] {
    EXPECT_THAT(accounts.OpenAccount(
                    {.account_id = absl::StrCat("n", ++opened), .owner = "N"}),
                IsOk());
    list = Stele({"projections", "list"});
    return list.exit == 1;
  });
  EXPECT_THAT(list.out, HasSubstr("paused"));
  const Answer status = Json({"projections", "status", "AccountBalance"});
  EXPECT_EQ(status.exit, 1);
  EXPECT_EQ(At(status.Data(), "/active/is_paused"), true);
  ASSERT_EQ(Stele({"consumers", "resume", consumer}).exit, 0);
  Await("it to go on", [this] {
    return Stele({"projections", "list"}).exit == 0;
  });
}

// Its view goes with it; a rebuild makes both anew.
TEST_F(CliProjectionsTest, ARebuildBringsBackATableThatWasDropped) {
  auto service = StartBank();
  Query(absl::StrCat(
      "DROP TABLE ", schema_, "_views.",
      TextAt(Json({"projections", "status", "AccountBalance"}).Data(),
             "/active/table"),
      " CASCADE"));
  ASSERT_THAT(bank::AccountClient(*service).OpenAccount(
                  {.account_id = "bob", .owner = "Bob"}),
              IsOk());
  Await("a parked key", [this] {
    return Stele({"projections", "list"}).out.find("has parked keys") !=
           std::string::npos;
  });
  EXPECT_EQ(Stele({"projections", "list"}).exit, 1);
  const Answer rebuilt =
      Stele({"projections", "rebuild", "AccountBalance", "--timeout", "60"});
  EXPECT_EQ(rebuilt.exit, 0) << rebuilt.out << rebuilt.err;
  EXPECT_EQ(service->Find<bank::AccountBalance>("ada")->owner(), "Ada");
  EXPECT_EQ(service->Find<bank::AccountBalance>("bob")->owner(), "Bob");
  EXPECT_EQ(Stele({"projections", "list"}).exit, 0);
}

// Balances that cannot take one amount any more.
struct AgedBalances : bank::Balances {
  static inline std::atomic<bool> is_broken = false;

  using bank::Balances::Apply;
  static void Apply(bank::AccountBalance& row,
                    const Recorded<bank::Deposited>& e) {
    if (is_broken && e->amount_cents() == 666) throw std::runtime_error("ouch");
    bank::Balances::Apply(row, e);
  }
};

TEST_F(CliProjectionsTest, SaysWhyARebuildDoesNotGetToItsEnd) {
  AgedBalances::is_broken = false;
  auto service = StartService([](Runtime& runtime) {
    runtime.Add<bank::AccountDecider>().Add<AgedBalances>();
  });
  bank::AccountClient accounts(*service);
  ASSERT_THAT(accounts.OpenAccount({.account_id = "ada", .owner = "Ada"}),
              IsOk());
  const auto paid =
      accounts.Deposit({.account_id = "ada", .amount_cents = 666});
  ASSERT_THAT(service->WaitFor<bank::AccountBalance>(*paid, absl::Minutes(1)),
              IsOk());
  AgedBalances::is_broken = true;
  const Answer blocked =
      Json({"projections", "rebuild", "AccountBalance", "--timeout", "60"});
  EXPECT_EQ(blocked.exit, 1) << blocked.out;
  EXPECT_EQ(blocked.Json()["status"], "problem");
  EXPECT_THAT(blocked.Diagnostics(), HasSubstr("retry or discard them first"));
  EXPECT_EQ(At(blocked.Data(), "/active/version"), 1);
  const Answer abort = Stele({"projections", "abort", "AccountBalance"});
  EXPECT_EQ(abort.exit, 0) << abort.err;
}

TEST_F(CliProjectionsTest, PutsAnInlineProjectionBehindTheLog) {
  auto service = StartBank();
  const Answer put = Stele({"projections", "behind-log", "TransferStatus"});
  EXPECT_EQ(put.exit, 0) << put.err;
  EXPECT_EQ(At(Json({"projections", "status", "TransferStatus"}).Data(),
               "/is_inline"),
            false);
  EXPECT_EQ(Stele({"projections", "behind-log", "TransferStatus"}).exit, 4);
}

TEST_F(CliProjectionsTest, RefusesWhatThereIsNot) {
  auto service = StartBank();
  for (const std::string command :
       {"status", "rebuild", "undo", "abort", "behind-log"}) {
    const Answer answer = Json({"projections", command, "Nonsense'\"\x1b"});
    EXPECT_EQ(answer.exit, 4) << answer.out;
    EXPECT_THAT(answer.Diagnostics(),
                AllOf(HasSubstr("Nonsense"),
                      HasSubstr("there are: AccountBalance, TransferStatus")));
  }
  EXPECT_EQ(Stele({"projections", "abort", "AccountBalance"}).exit, 4);
  EXPECT_EQ(Stele({"projections", "undo", "AccountBalance"}).exit, 4);
}

// A reader that does not end keeps the switch, and so the rebuild, from ending.
TEST_F(CliProjectionsTest, GivesUpWaitingForARebuildAndThenTheRebuild) {
  auto service = StartBank();
  const std::string live =
      TextAt(Json({"projections", "status", "AccountBalance"}).Data(),
             "/active/table");
  pqxx::connection connection(Dsn());
  pqxx::work reader(connection);
  reader.exec(
      absl::StrCat("SELECT * FROM ", schema_, "_views.account_balance"));
  const Answer rebuild =
      Json({"projections", "rebuild", "AccountBalance", "--timeout", "2"});
  EXPECT_EQ(rebuild.exit, 6) << rebuild.out;
  EXPECT_EQ(rebuild.Json()["status"], "deadline");
  EXPECT_THAT(rebuild.err, HasSubstr("["));  // How far it was.
  const Answer again = Json({"projections", "rebuild", "AccountBalance"});
  EXPECT_EQ(again.exit, 4) << again.out;
  EXPECT_EQ(Stele({"projections", "abort", "AccountBalance"}).exit, 0);
  reader.abort();
  EXPECT_EQ(TextAt(Json({"projections", "status", "AccountBalance"}).Data(),
                   "/active/table"),
            live);
  EXPECT_EQ(Stele({"projections", "rebuild", "AccountBalance"}).exit, 0);
}

}  // namespace
}  // namespace stele::testing
