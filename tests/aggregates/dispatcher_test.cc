#include "stele/aggregates/dispatcher.h"

#include <google/protobuf/dynamic_message.h>

#include "dispatcher_fixture.h"
#include "stele/eventstore/transaction.h"

namespace stele {
namespace {

using till::MakeExchange;
using till::MakeLook;
using till::MakeMisbehave;
using till::MakeOpenTill;
using till::MakePayIn;
using till::MakePayOut;

constexpr char kTrace[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

STELE_ON_ALL_STORES(DispatcherTest);

TEST_P(DispatcherTest, ReceiptSaysWhatWasWritten) {
  Open("a");
  const auto receipt = Dispatch(MakePayIn("a", 100));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->stream_id, "till-a");
  EXPECT_EQ(receipt->version, 2);
  EXPECT_EQ(receipt->position, Read("a")[1].position);
  EXPECT_EQ(receipt->events, 1);
  EXPECT_EQ(receipt->command_id, SequentialId(2));
  EXPECT_FALSE(receipt->was_duplicate);
  EXPECT_EQ(Load("a").state.cents(), 100);
}

TEST_P(DispatcherTest, SeveralEventsAreOneAppend) {
  OpenWith("a", 100);
  const auto receipt = Dispatch(MakeExchange("a", 40));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->events, 2);
  EXPECT_EQ(receipt->version, 4);
  EXPECT_THAT(Types("a"), ElementsAre("till.TillOpened", "till.Received",
                                      "till.PaidOut", "till.Received"));
  EXPECT_EQ(Load("a").state.cents(), 100);
}

TEST_P(DispatcherTest, NoEventsWriteNothing) {
  Open("a");
  const auto receipt = Dispatch(MakeLook("a"));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->events, 0);
  EXPECT_EQ(receipt->version, 1);
  EXPECT_EQ(receipt->position, 0);
  EXPECT_EQ(Read("a").size(), 1);
}

TEST_P(DispatcherTest, RejectionSaysWhyAndWritesNothing) {
  OpenWith("a", 100);
  const auto receipt = Dispatch(MakePayOut("a", 101));
  EXPECT_THAT(receipt, RejectedFor("insufficient_funds"));
  EXPECT_EQ(receipt.status().message(), "There is not that much.");
  EXPECT_EQ(Load("a").version, 2);
  EXPECT_EQ(metrics_["stele_command_rejections_total{command=till.PayOut,"
                     "reason=insufficient_funds}"],
            1);
}

TEST_P(DispatcherTest, RejectionWithoutReasonGetsOne) {
  EXPECT_THAT(Dispatch(MakeMisbehave("a", till::MISDEED_NO_REASON)),
              RejectedFor("rejected"));
}

TEST_P(DispatcherTest, CommandOnNothingIsDecidedOnTheEmptyState) {
  EXPECT_THAT(Dispatch(MakePayIn("a", 1)), RejectedFor("not_open"));
}

TEST_P(DispatcherTest, CreatingTwiceIsRejected) {
  Open("a");
  EXPECT_THAT(Dispatch(MakeOpenTill("a")), RejectedFor("already_exists"));
  EXPECT_EQ(Read("a").size(), 1);
}

TEST_P(DispatcherTest, CreatingCostsOneRoundTrip) {
  Open("a");
  EXPECT_EQ(store_.appends, 1);
  EXPECT_EQ(store_.reads + store_.looks + store_.snapshot_loads, 0);
}

// On what exists the rules for creating are not even asked.
TEST_P(DispatcherTest, CreatingWhatExistsIsRejectedWhateverTheDecisionIs) {
  Open("a");
  EXPECT_THAT(Dispatch(MakeOpenTill("a", "")), RejectedFor("already_exists"));
  EXPECT_THAT(Dispatch(MakeOpenTill("a", "nobody")),
              RejectedFor("already_exists"));
}

TEST_P(DispatcherTest, CreatingCanBeRejectedOrWriteNothing) {
  EXPECT_THAT(Dispatch(MakeOpenTill("a", "")), RejectedFor("no_clerk"));
  EXPECT_THAT(Dispatch(MakeOpenTill("a", "nobody")), IsOk());
  EXPECT_EQ(Load("a").version, 0);
}

TEST_P(DispatcherTest, TombstonedStreamRejectsEverything) {
  Open("a");
  ASSERT_THAT(store_.Tombstone("till-a", ExpectedVersion::Any()), IsOk());
  EXPECT_THAT(Dispatch(MakePayIn("a", 1)), RejectedFor("tombstoned"));
  EXPECT_THAT(Dispatch(MakeOpenTill("a")), RejectedFor("tombstoned"));
  EXPECT_THAT(Dispatch(MakeOpenTill("a", "")), RejectedFor("tombstoned"));
}

TEST_P(DispatcherTest, MetadataIsRecordedBesideEachEvent) {
  OpenWith("a", 10);
  const Uuid command_id = SequentialId(77);
  ASSERT_THAT(Dispatch(MakeExchange("a", 5), {.command_id = command_id,
                                              .correlation_id = "request-1",
                                              .causation_id = "message-2",
                                              .traceparent = kTrace,
                                              .headers = {{"who", "ada"}}}),
              IsOk());
  const auto events = Read("a");
  for (int i : {2, 3}) {
    const auto metadata = ParseMetadata(events[i].metadata);
    ASSERT_THAT(metadata, IsOk());
    EXPECT_EQ(metadata->command_id, command_id);
    EXPECT_EQ(metadata->correlation_id, "request-1");
    EXPECT_EQ(metadata->causation_id, "message-2");
    EXPECT_EQ(metadata->traceparent, kTrace);
    EXPECT_EQ(metadata->headers.at("who"), "ada");
  }
}

TEST_P(DispatcherTest, IdsThatAreNotGivenAreTheCommands) {
  ASSERT_THAT(Dispatch(MakeOpenTill("a"), {.traceparent = "nonsense"}), IsOk());
  const auto metadata = ParseMetadata(Read("a")[0].metadata);
  ASSERT_THAT(metadata, IsOk());
  EXPECT_EQ(metadata->command_id, SequentialId(1));
  EXPECT_EQ(metadata->correlation_id, SequentialId(1).ToString());
  EXPECT_EQ(metadata->causation_id, SequentialId(1).ToString());
  EXPECT_EQ(metadata->traceparent, "");
}

TEST_P(DispatcherTest, MalformedIdIsNamedWithItsField) {
  EXPECT_THAT(Dispatch(MakeOpenTill("")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "field till_id of till.OpenTill is empty"));
  EXPECT_THAT(Dispatch(MakePayIn(std::string(600, 'x'), 1)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("field till_id of till.PayIn"),
                             HasSubstr("512 bytes"))));
  EXPECT_THAT(Dispatch(MakePayIn("caf\xE9", 1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
  EXPECT_THAT(Dispatch(MakePayIn(std::string("a\0b", 3), 1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(DispatcherTest, IdMayHoldQuotesDashesAndAnyLetters) {
  const std::string till_id = "O'Brien-\"%$1; --\\ 東京";
  OpenWith(till_id, 5);
  EXPECT_EQ(Load(till_id).state.cents(), 5);
}

TEST_P(DispatcherTest, MalformedOptionsAreRefused) {
  const auto open = MakeOpenTill("a");
  const auto invalid = [](const char* field) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field));
  };
  EXPECT_THAT(Dispatch(open, {.command_id = Uuid()}), invalid("command_id"));
  EXPECT_THAT(Dispatch(open, {.correlation_id = "\xFF"}),
              invalid("correlation_id"));
  EXPECT_THAT(Dispatch(open, {.causation_id = "\xFF"}),
              invalid("causation_id"));
  EXPECT_THAT(Dispatch(open, {.headers = {{"a", "\xFF"}}}), invalid("header"));
  EXPECT_THAT(Dispatch(open, {.headers = {{"a", std::string(70'000, 'x')}}}),
              invalid("headers"));
  EXPECT_EQ(Load("a").version, 0);
}

TEST_P(DispatcherTest, CommandOfNobodyIsRefused) {
  EXPECT_THAT(
      Dispatch(till::PaidIn()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("till.PaidIn")));
  EXPECT_TRUE(dispatcher_->Handles("till.PayIn"));
  EXPECT_FALSE(dispatcher_->Handles("till.PaidIn"));
}

TEST_P(DispatcherTest, BytesAreDispatchedByTypeName) {
  Open("a");
  const auto receipt = dispatcher_->DispatchBytes(
      "till.PayIn", MakePayIn("a", 7).SerializeAsString());
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 2);
  EXPECT_EQ(Load("a").state.cents(), 7);
}

TEST_P(DispatcherTest, BytesThatAreNoCommandAreRefused) {
  EXPECT_THAT(dispatcher_->DispatchBytes("till.PayIn", "\xFF\xFF"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("till.PayIn")));
  EXPECT_THAT(
      dispatcher_->DispatchBytes("till.Nope\n", ""),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("till.Nope\\n")));
}

// A message made from descriptors at run time is not of the generated class.
TEST_P(DispatcherTest, DynamicMessageIsDispatched) {
  Open("a");
  google::protobuf::DynamicMessageFactory factory;
  const std::unique_ptr<google::protobuf::Message> message(
      factory.GetPrototype(till::PayIn::descriptor())->New());
  message->ParseFromString(MakePayIn("a", 9).SerializeAsString());
  ASSERT_THAT(Dispatch(*message), IsOk());
  EXPECT_EQ(Load("a").state.cents(), 9);
}

TEST_P(DispatcherTest, AddingTwiceIsRefused) {
  EXPECT_THAT(
      dispatcher_->Add(MakeAggregateType<till::TillDecider>()),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("till.Till")));
}

TEST_P(DispatcherTest, DispatchInIsDurableWithItsTransaction) {
  Open("a");
  ASSERT_THAT(store_.Transact([&](Transaction& tx) -> absl::Status {
    const auto receipt = dispatcher_->DispatchIn(tx, MakePayIn("a", 3));
    STELE_RETURN_IF_ERROR(receipt);
    EXPECT_EQ(receipt->version, 2);
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(Load("a").state.cents(), 3);
}

TEST_P(DispatcherTest, DispatchInIsRolledBackWithItsTransaction) {
  Open("a");
  const DispatchOptions options = {.command_id = SequentialId(50)};
  EXPECT_THAT(store_.Transact([&](Transaction& tx) -> absl::Status {
    EXPECT_THAT(dispatcher_->DispatchIn(tx, MakePayIn("a", 3), options),
                IsOk());
    return absl::CancelledError("no");
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Load("a").version, 1);
  // What was rolled back is not remembered.
  const auto receipt = Dispatch(MakePayIn("a", 4), options);
  ASSERT_THAT(receipt, IsOk());
  EXPECT_FALSE(receipt->was_duplicate);
  EXPECT_EQ(Load("a").state.cents(), 4);
}

TEST_P(DispatcherTest, DispatchInCommitsSeveralStreamsTogether) {
  OpenWith("a", 10);
  Open("b");
  const auto move = [&](std::int64_t cents) {
    return store_.Transact([&](Transaction& tx) -> absl::Status {
      STELE_RETURN_IF_ERROR(dispatcher_->DispatchIn(tx, MakePayIn("b", cents)));
      STELE_RETURN_IF_ERROR(
          dispatcher_->DispatchIn(tx, MakePayOut("a", cents)));
      return absl::OkStatus();
    });
  };
  EXPECT_EQ(RejectionReason(move(11)), "insufficient_funds");
  EXPECT_EQ(Load("b").state.cents(), 0);
  EXPECT_THAT(move(10), IsOk());
  EXPECT_EQ(Load("b").state.cents(), 10);
}

TEST_P(DispatcherTest, DispatchInDoesNotRetryConflicts) {
  OpenWith("a", 10);
  EXPECT_THAT(store_.Transact([&](Transaction& tx) -> absl::Status {
    STELE_RETURN_IF_ERROR(dispatcher_->DispatchIn(tx, MakePayOut("a", 6)));
    // Decides on the 10 that are committed, and may not win with that.
    return dispatcher_->DispatchIn(tx, MakePayOut("a", 6)).status();
  }),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(Load("a").state.cents(), 10);
}

TEST_P(DispatcherTest, OutcomesAreCounted) {
  OpenWith("a", 10);
  const DispatchOptions again = {.command_id = SequentialId(50)};
  // How each is answered, other tests say.
  Dispatch(MakePayIn("a", 1), again).IgnoreError();
  Dispatch(MakePayIn("a", 1), again).IgnoreError();
  Dispatch(MakeLook("a")).IgnoreError();
  Dispatch(MakePayOut("a", 1000)).IgnoreError();
  Dispatch(MakePayIn("", 1)).IgnoreError();
  Dispatch(MakeMisbehave("a", till::MISDEED_THROW)).IgnoreError();
  const auto seconds = [&](const char* type, const char* outcome) {
    return metrics_[absl::StrCat("stele_command_seconds{command=till.", type,
                                 ",outcome=", outcome, "}")];
  };
  EXPECT_EQ(seconds("PayIn", "accepted"), 2);
  EXPECT_EQ(seconds("PayIn", "duplicate"), 1);
  EXPECT_EQ(seconds("Look", "unchanged"), 1);
  EXPECT_EQ(seconds("PayOut", "rejected"), 1);
  EXPECT_EQ(seconds("PayIn", "invalid"), 1);
  EXPECT_EQ(seconds("Misbehave", "failed"), 1);
}

}  // namespace
}  // namespace stele
