#include <atomic>
#include <stdexcept>

#include "cli_fixture.h"
#include "tests/model/bank_rules.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Transfers that fail at their second step until they are mended.
struct FragileTransfers : bank::Transfers {
  static inline std::atomic<bool> is_broken = false;

  using bank::Transfers::On;
  static Next On(bank::Transfer& saga, const Recorded<bank::Withdrawn>& e) {
    if (is_broken) throw std::runtime_error("no hands");
    return bank::Transfers::On(saga, e);
  }
};

// Accounts to which no money can be given back until they are mended.
struct FragileAccounts : bank::AccountDecider {
  static inline std::atomic<bool> is_broken = false;

  using bank::AccountDecider::Decide;
  static bank::AccountDecision Decide(const bank::Account& account,
                                      const bank::Refund& cmd) {
    if (is_broken) return Reject("closed");
    return bank::AccountDecider::Decide(account, cmd);
  }
};

class SagasTest : public CliTest {
 protected:
  SagasTest() { Migrate(); }

  std::unique_ptr<Runtime> StartBank() {
    auto service = StartService([](Runtime& runtime) {
      runtime.Add<FragileAccounts>().Add<FragileTransfers>();
    });
    bank::AccountClient accounts(*service);
    for (const std::string id : {"ada", "bob"}) {
      EXPECT_THAT(accounts.OpenAccount({.account_id = id, .owner = id}),
                  IsOk());
    }
    EXPECT_THAT(accounts.Deposit({.account_id = "ada", .amount_cents = 100}),
                IsOk());
    return service;
  }

  void Request(Runtime& service, const std::string& transfer,
               const std::string& to, std::int64_t settle_after_seconds = 0) {
    EXPECT_THAT(bank::AccountClient(service).RequestTransfer(
                    {.account_id = "ada",
                     .transfer_id = transfer,
                     .to_account_id = to,
                     .amount_cents = 10,
                     .settle_after_seconds = settle_after_seconds}),
                IsOk());
  }

  void AwaitStatus(const std::string& transfer, const std::string& status) {
    Await(status, [&] {
      const Answer answer = Json({"sagas", "show", "Transfer", transfer});
      return answer.exit != 4 &&
             TextAt(answer.Data(), "/instance/status") == status;
    });
  }
};

TEST_F(SagasTest, ListsNoneOfAnEmptyStore) {
  const Answer answer = Json({"sagas", "list"});
  EXPECT_EQ(answer.exit, 0);
  EXPECT_TRUE(At(answer.Data(), "/instances").as_array().empty());
}

TEST_F(SagasTest, ListsInstancesAndTellsTheirStories) {
  FragileTransfers::is_broken = false;
  auto service = StartBank();
  Request(*service, "t1", "bob");
  Request(*service, "t2", "nobody");
  Request(*service, "t3", "bob", 3600);
  AwaitStatus("t1", "completed");
  AwaitStatus("t2", "compensated");
  Await("the timer of t3", [this] {
    return Stele({"sagas", "show", "Transfer", "t3"})
               .out.find("waits for timer settlement") != std::string::npos;
  });
  const Answer list = Stele({"sagas", "list"});
  EXPECT_EQ(list.exit, 0) << list.err;
  EXPECT_THAT(list.out,
              AllOf(HasSubstr("t1"), HasSubstr("completed"), HasSubstr("t2"),
                    HasSubstr("compensated"), HasSubstr("Transfer: 1 active")));
  const Answer active =
      Json({"sagas", "list", "--status", "active", "--saga", "Transfer"});
  EXPECT_EQ(At(active.Data(), "/instances").as_array().size(), 1u);
  EXPECT_EQ(At(active.Data(), "/instances/0/id"), "t3");
  const Answer story = Stele({"sagas", "show", "Transfer", "t2"});
  EXPECT_EQ(story.exit, 0);
  EXPECT_THAT(story.out,
              AllOf(HasSubstr("step 1"), HasSubstr("sends bank.Withdraw"),
                    HasSubstr("rejected: not_open"),
                    HasSubstr("undoes with bank.Refund")));
}

TEST_F(SagasTest, ShowsThatAnInstanceIsParkedAndLetsItGoOn) {
  FragileTransfers::is_broken = true;
  auto service = StartBank();
  Request(*service, "t1", "bob");
  AwaitStatus("t1", "parked");
  const Answer list = Json({"sagas", "list", "--status", "parked"});
  EXPECT_EQ(list.exit, 1);
  EXPECT_THAT(TextAt(list.Data(), "/instances/0/parked_cause"),
              HasSubstr("no hands"));
  const Answer story = Stele({"sagas", "show", "Transfer", "t1"});
  EXPECT_EQ(story.exit, 1);
  EXPECT_THAT(story.out, HasSubstr("parked: "));
  EXPECT_EQ(Stele({"parked", "retry", "saga/Transfer", "t1"}).exit, 0);
  FragileTransfers::is_broken = false;  // Not before, or it is tried by itself.
  AwaitStatus("t1", "completed");
  EXPECT_EQ(Stele({"sagas", "list"}).exit, 0);
}

TEST_F(SagasTest, GivesUpAnUndoThatIsStuck) {
  FragileTransfers::is_broken = false;
  FragileAccounts::is_broken = true;
  auto service = StartBank();
  Request(*service, "t1", "nobody");
  AwaitStatus("t1", "parked");
  EXPECT_THAT(Stele({"sagas", "show", "Transfer", "t1"}).out,
              HasSubstr("compensation_stuck"));
  const Answer skipped = Stele({"sagas", "skip-undo", "Transfer", "t1"});
  EXPECT_EQ(skipped.exit, 0) << skipped.err;
  EXPECT_THAT(skipped.out, HasSubstr("given up: bank.Refund"));
  AwaitStatus("t1", "compensated");
  EXPECT_THAT(Stele({"sagas", "show", "Transfer", "t1"}).out,
              AllOf(HasSubstr("bank.Refund given up by an operator"),
                    HasSubstr("given_up")));
  const Answer again = Json({"sagas", "skip-undo", "Transfer", "t1"});
  EXPECT_EQ(again.exit, 4);
  EXPECT_THAT(again.Diagnostics(), HasSubstr("nothing is stuck"));
  EXPECT_EQ(Json({"sagas", "skip-undo", "Transfer", "t9"}).exit, 4);
  EXPECT_EQ(Json({"sagas", "skip-undo", "Nope", "t1"}).exit, 4);
}

TEST_F(SagasTest, RefusesWhatThereIsNot) {
  EXPECT_EQ(Json({"sagas", "show", "Transfer", "nobody"}).exit, 4);
  EXPECT_EQ(Json({"sagas", "show", "No'\"such\x1b", "x"}).exit, 4);
  EXPECT_EQ(Json({"sagas", "list", "--saga", "Transfer"}).exit, 4);
  auto service = StartBank();
  const Answer unknown = Json({"sagas", "list", "--saga", "Nope"});
  EXPECT_EQ(unknown.exit, 4) << unknown.out;
  EXPECT_THAT(unknown.Diagnostics(), HasSubstr("there are: Transfer"));
  EXPECT_EQ(Json({"sagas", "list", "--saga", "Transfer"}).exit, 0);
  EXPECT_EQ(Json({"sagas", "list", "--status", "confused"}).exit, 2);
  EXPECT_EQ(Json({"sagas", "list", "--limit", "0"}).exit, 2);
}

}  // namespace
}  // namespace stele::testing
