#include "model/names.h"

#include "gmock/gmock.h"

namespace stele::codegen {
namespace {

using ::testing::ElementsAre;

TEST(NamesTest, SnakeCaseKeepsWordsApart) {
  EXPECT_EQ(SnakeCase("AccountOpened"), "account_opened");
  EXPECT_EQ(SnakeCase("Deposit"), "deposit");
  EXPECT_EQ(SnakeCase("HTTPCallV2"), "http_call_v2");
  EXPECT_EQ(SnakeCase("OrderABTest"), "order_ab_test");
  EXPECT_EQ(SnakeCase("already_snake"), "already_snake");
  EXPECT_EQ(SnakeCase("X"), "x");
  EXPECT_EQ(SnakeCase(""), "");
}

TEST(NamesTest, CamelCaseJoinsWords) {
  EXPECT_EQ(CamelCase("payment_timeout"), "PaymentTimeout");
  EXPECT_EQ(CamelCase("timeout"), "Timeout");
  EXPECT_EQ(CamelCase("after_3_days"), "After3Days");
}

TEST(NamesTest, ArticlesFollowTheSpelling) {
  EXPECT_EQ(WithArticle("Account"), "an Account");
  EXPECT_EQ(WithArticle("Deposit"), "a Deposit");
  EXPECT_EQ(WithArticle("User"), "a User");
}

TEST(NamesTest, ParameterNamesNeverClash) {
  std::set<std::string> taken = {"state"};
  EXPECT_THAT(ParameterNames({"Deposit", "State", "Delete", "DePosit"}, taken),
              ElementsAre("deposit", "state_", "delete_", "de_posit"));
  EXPECT_THAT(ParameterNames({"Deposit", "Deposit"}, taken),
              ElementsAre("deposit_", "deposit_2"));
  EXPECT_THAT(ParameterNames({"Withdraw"}, taken, "_rejected"),
              ElementsAre("withdraw_rejected"));
}

TEST(NamesTest, HeadersStandBesideEachOther) {
  EXPECT_EQ(MessageHeader("bank/account.proto"), "bank/account.pb.h");
  EXPECT_EQ(SteleHeader("bank/account.proto"), "bank/account.stele.h");
  EXPECT_EQ(IncludeGuard("bank/account.proto"), "BANK_ACCOUNT_STELE_H_");
  EXPECT_EQ(IncludeGuard("2-step.proto"), "STELE_2_STEP_STELE_H_");
  EXPECT_EQ(BaseName("bank/account.proto"), "account.proto");
  EXPECT_EQ(BaseName("account.proto"), "account.proto");
}

TEST(NamesTest, GeneratedNamesAreTheDocumentedOnes) {
  EXPECT_EQ(EventVariantName("Account"), "AccountEvent");
  EXPECT_EQ(DecisionName("Account"), "AccountDecision");
  EXPECT_EQ(DeciderConcept("Account"), "DecidesAccount");
  EXPECT_EQ(ClientName("Account"), "AccountClient");
  EXPECT_EQ(FieldsName("Deposit"), "DepositFields");
  EXPECT_EQ(MakerName("Deposit"), "MakeDeposit");
  EXPECT_EQ(ProjectorConcept("Balance"), "ProjectsBalance");
  EXPECT_EQ(SagaConcept("Transfer"), "DrivesTransfer");
  EXPECT_EQ(TimerTagName("Transfer", "late_grace"), "TransferLateGrace");
  EXPECT_EQ(SagaCategory("Transfer"), "saga_Transfer");
}

TEST(NamesTest, AcceptsOnlyNamesThatTheStoreTakes) {
  EXPECT_TRUE(IsStreamCategory("account"));
  EXPECT_TRUE(IsStreamCategory("Account_2"));
  EXPECT_FALSE(IsStreamCategory(""));
  EXPECT_FALSE(IsStreamCategory("2account"));
  EXPECT_FALSE(IsStreamCategory("bank-account"));
  EXPECT_FALSE(IsStreamCategory("acc'ount"));

  EXPECT_TRUE(IsTableName("account_balance"));
  EXPECT_FALSE(IsTableName("AccountBalance"));
  EXPECT_FALSE(IsTableName("a b"));
  EXPECT_FALSE(IsTableName(std::string(41, 'a')));

  EXPECT_TRUE(IsStoredName("bank.AccountOpened"));
  EXPECT_TRUE(IsStoredName("AccountOpened"));
  EXPECT_FALSE(IsStoredName(".bank.AccountOpened"));
  EXPECT_FALSE(IsStoredName("bank..AccountOpened"));
  EXPECT_FALSE(IsStoredName("bank."));
  EXPECT_FALSE(IsStoredName("account opened"));
  EXPECT_FALSE(IsStoredName(std::string(257, 'a')));

  EXPECT_TRUE(IsTopicName("bank.deposits-v1"));
  EXPECT_FALSE(IsTopicName("bank.*"));
  EXPECT_FALSE(IsTopicName("bank.>"));
  EXPECT_FALSE(IsTopicName("bank..deposits"));
  EXPECT_FALSE(IsTopicName(".bank"));

  EXPECT_TRUE(IsTimerName("payment_timeout"));
  EXPECT_FALSE(IsTimerName("PaymentTimeout"));
  EXPECT_FALSE(IsTimerName("3_days"));
}

TEST(NamesTest, ProposesNamesThatAreAccepted) {
  EXPECT_EQ(AsSnakeCase("AccountBalance", "rows"), "account_balance");
  EXPECT_EQ(AsSnakeCase("bank-account", "rows"), "bank_account");
  EXPECT_EQ(AsSnakeCase("4711", "rows"), "rows");
}

TEST(NamesTest, FindsTheNearestName) {
  EXPECT_EQ(Nearest("Acount", {"Order", "Account"}), "Account");
  EXPECT_EQ(Nearest("account", {"Order", "Account"}), "Account");
  EXPECT_EQ(Nearest("Deposted", {"Deposit", "Deposited"}), "Deposited");
  EXPECT_EQ(Nearest("Wihtdrawn", {"Withdrawn"}), "Withdrawn");
  EXPECT_EQ(Nearest("Invoice", {"Order", "Account"}), "");
}

}  // namespace
}  // namespace stele::codegen
