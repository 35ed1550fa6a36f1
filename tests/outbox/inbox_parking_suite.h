#ifndef STELE_TESTS_OUTBOX_INBOX_PARKING_SUITE_H_
#define STELE_TESTS_OUTBOX_INBOX_PARKING_SUITE_H_

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/outbox/inbox_fixture.h"

// What an inbox sets aside, why, and what becomes of it.

namespace stele::testing {

TEST_P(InboxTest, APoisonousMessageHoldsOnlyItsOwnKey) {
  SetPoison("a1");
  InboxOptions options = Options();
  options.park_backoff = {absl::Hours(1), absl::Hours(1)};
  Publish({HappenedMessage("a-1", "a1"), HappenedMessage("b-1", "b1"),
           HappenedMessage("a-1", "a2"), HappenedMessage("b-1", "b2"),
           HappenedMessage("a-1", "a3")});
  const auto inbox = MakeJournalInbox(options);
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Activity().set_aside == 3; }));
  ASSERT_TRUE(Eventually([&] { return inbox->Activity().handled == 2; }));
  EXPECT_THAT(journal_.entries(), ElementsAre("b1", "b2"));
  const std::vector<ParkedMessage> parked = Parked();
  ASSERT_THAT(parked, SizeIs(3));
  EXPECT_FALSE(parked[0].is_held);
  EXPECT_EQ(parked[0].key, "a-1");
  EXPECT_EQ(parked[0].tries, 3);
  EXPECT_THAT(parked[0].cause, HasSubstr("poison"));
  EXPECT_EQ(parked[0].message.headers.at("ce-type"), "test.Happened");
  EXPECT_TRUE(parked[1].is_held);
  EXPECT_TRUE(parked[2].is_held);

  // Mended, and tried again at an operator's word: in order.
  SetPoison("");
  EXPECT_THAT(storage_->Retry("tests", parked[1].id),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(storage_->Retry("tests", parked[0].id), IsOk());
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 5; }));
  EXPECT_THAT(journal_.entries(), ElementsAre("b1", "b2", "a1", "a2", "a3"));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_THAT(Parked(), SizeIs(0));
  EXPECT_TRUE(IsAllAcknowledged());
}

TEST_P(InboxTest, AParkedMessageIsTriedAgainByItself) {
  SetPoison("a1");
  Publish({HappenedMessage("a-1", "a1"), HappenedMessage("a-1", "a2")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] {
    const std::vector<ParkedMessage> parked = Parked();
    return parked.size() == 2 && parked[0].tries > 4;
  }));
  SetPoison("");
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 2; }));
  EXPECT_THAT(journal_.entries(), ElementsAre("a1", "a2"));
  EXPECT_THAT(running.Stop(), IsOk());
}

TEST_P(InboxTest, DiscardingDropsOneMessageAndGoesOn) {
  SetPoison("a1");
  InboxOptions options = Options();
  options.park_backoff = {absl::Hours(1), absl::Hours(1)};
  Publish({HappenedMessage("a-1", "a1"), HappenedMessage("a-1", "a2")});
  const auto inbox = MakeJournalInbox(options);
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return Parked().size() == 2; }));

  EXPECT_THAT(storage_->Discard("tests", 987654),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(storage_->Discard("tests", Parked()[0].id), IsOk());

  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  EXPECT_THAT(journal_.entries(), ElementsAre("a2"));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_EQ(storage_->CountParkedKeys("tests").value(), 0);
}

TEST_P(InboxTest, MalformedMessagesAreParkedRawAndHoldTheirKey) {
  BrokerMessage no_type = HappenedMessage("a-1", "1");
  no_type.headers.erase("ce-type");
  BrokerMessage naked;
  naked.topic = "test";
  naked.body = std::string("\xff\0bytes", 7);
  naked.headers["x\xfe"] = "\xff";
  BrokerMessage broken = HappenedMessage("b-1", "2");
  broken.body = "\xff\xff\xff";
  BrokerMessage large = HappenedMessage("c-1", "3");
  large.body.assign(2000, 'x');
  InboxOptions options = Options();
  options.message_bytes_max = 1000;
  Publish({no_type, naked, broken, large, HappenedMessage("a-1", "held"),
           HappenedMessage("d-1", "fine")});
  const auto inbox = MakeJournalInbox(options);
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Activity().set_aside == 5; }));
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  EXPECT_THAT(running.Stop(), IsOk());

  EXPECT_THAT(journal_.entries(), ElementsAre("fine"));
  const std::vector<ParkedMessage> parked = Parked();
  ASSERT_THAT(parked, SizeIs(5));
  EXPECT_THAT(parked[0].cause, HasSubstr("ce-type"));
  EXPECT_EQ(parked[0].key, "a-1");
  EXPECT_EQ(parked[0].next_try, absl::InfiniteFuture());
  EXPECT_EQ(parked[1].key, "");
  EXPECT_EQ(parked[1].message.body, naked.body);
  EXPECT_EQ(parked[1].message.headers, naked.headers);
  EXPECT_THAT(parked[2].cause, HasSubstr("test.Happened"));
  EXPECT_EQ(parked[2].next_try, absl::InfiniteFuture());
  EXPECT_EQ(parked[2].tries, 1);
  EXPECT_THAT(parked[3].cause, HasSubstr("2000 bytes"));
  EXPECT_TRUE(parked[4].is_held);
  EXPECT_TRUE(IsAllAcknowledged());
}

TEST_P(InboxTest, OnlyABrokenBodyIsDataLossThatWaitsForAnOperator) {
  Publish({HappenedMessage("a-1", "body"), HappenedMessage("b-1", "other")});
  const auto inbox = MakeInbox(Options());
  std::atomic<int> tries = 0;
  inbox->On<Happened>([&](Transaction&, const Inbound<Happened>& event) {
    if (event->value() == "body")
      return Annotate(BrokenBodyError("test.Inner"), "reading");
    // Say an event whose type only the next release knows.
    return ++tries <= 5 ? absl::DataLossError("cannot be read here")
                        : absl::OkStatus();
  });
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return tries == 6 && Parked().size() == 1; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_THAT(Parked()[0].cause, HasSubstr("test.Inner"));
  EXPECT_EQ(Parked()[0].tries, 1);
  EXPECT_EQ(Parked()[0].next_try, absl::InfiniteFuture());
}

TEST_P(InboxTest, AParkedMessageOfATypeWithoutAHandlerStaysParked) {
  SetPoison("1");
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("a-1", "2")});
  {
    const auto inbox = MakeJournalInbox(Options());
    Running running(*inbox);
    ASSERT_TRUE(Eventually([&] { return Parked().size() == 2; }));
    EXPECT_THAT(running.Stop(), IsOk());
  }
  SetPoison("");
  {
    const auto other = MakeInbox(Options(), "two");
    other->OnType("test.Other", [](Transaction&, const InboundMessage&) {
      return absl::OkStatus();
    });
    Running running(*other);
    ASSERT_TRUE(Eventually([&] {
      const std::vector<ParkedMessage> parked = Parked();
      return parked.size() != 2 ||
             parked[0].cause.find("no handler") != std::string::npos;
    }));
    EXPECT_THAT(running.Stop(), IsOk());
  }
  ASSERT_THAT(Parked(), SizeIs(2));
  EXPECT_LT(Parked()[0].next_try, absl::Now() + absl::Seconds(1));
  EXPECT_TRUE(Parked()[1].is_held);

  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 2; }));
  EXPECT_THAT(journal_.entries(), ElementsAre("1", "2"));
}

TEST_P(InboxTest, SlowRetriesOfParkedMessagesDoNotKeepOthersWaiting) {
  constexpr int kParked = 30;
  std::vector<BrokerMessage> messages;
  for (int i = 0; i < kParked; ++i)
    messages.push_back(HappenedMessage(absl::StrCat("a-", i), "poison"));
  Publish(messages);
  InboxOptions options = Options();
  options.tries_before_parking = 1;
  options.park_backoff = {absl::Milliseconds(1), absl::Milliseconds(1)};
  const auto inbox = MakeInbox(options);
  std::atomic<int> tries = 0;
  std::atomic<int> tries_before_other = 0;
  inbox->On<Happened>([&](Transaction&, const Inbound<Happened>& event) {
    if (event->value() == "other") {
      tries_before_other = tries - kParked;
      return absl::OkStatus();
    }
    // From now on each of them is due again, whenever it is asked for.
    if (++tries == kParked + 1) Publish({HappenedMessage("b-1", "other")});
    if (tries > kParked) absl::SleepFor(absl::Milliseconds(50));  // Hard work.
    return absl::InternalError("poison");
  });
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Activity().handled == 1; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_LE(tries_before_other, 10);
}

TEST_P(InboxTest, MalformedMessagesAreToldApartByAllOfTheirId) {
  const auto with_id = [](const std::string& id) {
    BrokerMessage message = HappenedMessage("a-1", "1");
    message.id = id;
    message.headers["ce-id"] = id;
    message.headers.erase("ce-type");
    return message;
  };
  const std::string prefix(2000, 'x');
  Publish({with_id(prefix + "1"), with_id(prefix + "2"), with_id("1"),
           with_id("\xff")});
  broker_.acks_to_forget = 4;  // All come again.
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return inbox->Activity().duplicates == 4; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_EQ(inbox->Activity().set_aside, 4);
  EXPECT_THAT(Parked(), SizeIs(4));
}

TEST_P(InboxTest, AHandlerThatThrowsIsNamed) {
  Publish({HappenedMessage("a-1", "1")});
  const auto inbox = MakeInbox(Options());
  inbox->On<Happened>(
      [](Transaction&, const Inbound<Happened>&) -> absl::Status {
        throw std::runtime_error("out of luck");
      });
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return Parked().size() == 1; }));
  EXPECT_THAT(Parked()[0].cause, HasSubstr("test.Happened"));
  EXPECT_THAT(Parked()[0].cause, HasSubstr("out of luck"));
}

TEST_P(InboxTest, TypesNobodyAskedForMayWaitForAReleaseThatDoes) {
  InboxOptions options = Options();
  options.unknown_types = UnknownTypes::kPark;
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("b-1", "2"),
           HappenedMessage("a-1", "3")});
  {
    const auto older = MakeInbox(options, "older");
    older->OnType("test.Other", [](Transaction&, const InboundMessage&) {
      return absl::OkStatus();
    });
    Running running(*older);
    ASSERT_TRUE(Eventually([&] { return older->Activity().set_aside == 3; }));
    EXPECT_THAT(running.Stop(), IsOk());
    EXPECT_EQ(older->Activity().unhandled, 0);
  }
  EXPECT_THAT(Parked()[0].cause, HasSubstr("no handler"));
  EXPECT_TRUE(Parked()[2].is_held);

  const auto newer = MakeJournalInbox(options);
  Running running(*newer);
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 3; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_THAT(journal_.entries(), UnorderedElementsAre("1", "2", "3"));
  EXPECT_LT(journal_.IndexOf("1"), journal_.IndexOf("3"));
  EXPECT_THAT(Parked(), SizeIs(0));
}

TEST_P(InboxTest, StopsRatherThanParkTooMuch) {
  InboxOptions options = Options();
  options.parked_keys_max = 2;
  options.park_backoff = {absl::Hours(1), absl::Hours(1)};
  SetPoison("x");
  Publish({HappenedMessage("a-1", "x"), HappenedMessage("b-1", "x"),
           HappenedMessage("c-1", "x")});
  const auto inbox = MakeJournalInbox(options);
  Running running(*inbox);
  EXPECT_THAT(running.Join(), StatusIs(absl::StatusCode::kResourceExhausted,
                                       HasSubstr("poison")));
  EXPECT_THAT(Parked(), SizeIs(2));
  EXPECT_FALSE(IsAllAcknowledged());
}

}  // namespace stele::testing

#endif  // STELE_TESTS_OUTBOX_INBOX_PARKING_SUITE_H_
