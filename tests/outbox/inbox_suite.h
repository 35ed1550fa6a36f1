#ifndef STELE_TESTS_OUTBOX_INBOX_SUITE_H_
#define STELE_TESTS_OUTBOX_INBOX_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "stele/base/status.h"
#include "stele/eventstore/event_store.h"
#include "stele/outbox/in_memory_broker.h"
#include "stele/outbox/inbox.h"
#include "stele/testing/status_matchers.h"
#include "tests/outbox/support.h"

// The claims of stele/outbox/inbox.h, for any store. Include it in one source
// of a test program and instantiate InboxTest with makers of stores.

namespace stele::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using MakeStore = std::unique_ptr<EventStore> (*)();

// A broker whose consumers forget acknowledgements while told to, and count
// what they were asked to settle.
class ForgetfulBroker : public Broker {
 public:
  explicit ForgetfulBroker(Broker& broker) : broker_(broker) {}

  std::string Describe() const override { return broker_.Describe(); }
  absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() override {
    return broker_.OpenPublisher();
  }
  absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics,
      const std::string& group) override {
    STELE_ASSIGN_OR_RETURN(std::unique_ptr<BrokerConsumer> consumer,
                           broker_.OpenConsumer(topics, group));
    return std::make_unique<Consumer>(*this, std::move(consumer));
  }

  std::atomic<int> acks_to_forget = 0;
  std::atomic<int> retried = 0;

 private:
  class Consumer : public BrokerConsumer {
   public:
    Consumer(ForgetfulBroker& owner, std::unique_ptr<BrokerConsumer> inner)
        : owner_(owner), inner_(std::move(inner)) {}
    absl::StatusOr<std::vector<BrokerMessage>> Fetch(
        std::size_t limit, absl::Duration wait) override {
      return inner_->Fetch(limit, wait);
    }
    absl::Status Settle(std::size_t index, Disposition disposition,
                        absl::Duration delay) override {
      if (disposition == Disposition::kRetry) ++owner_.retried;
      if (disposition == Disposition::kAck && owner_.acks_to_forget > 0) {
        --owner_.acks_to_forget;
        return absl::UnavailableError("lost on its way");
      }
      return inner_->Settle(index, disposition, delay);
    }

   private:
    ForgetfulBroker& owner_;
    const std::unique_ptr<BrokerConsumer> inner_;
  };

  Broker& broker_;
};

class InboxTest : public ::testing::TestWithParam<MakeStore> {
 protected:
  void SetUp() override {
    store_ = GetParam()();
    ASSERT_NE(store_, nullptr);
    storage_ = OpenInboxStorage(*store_).value();
  }

  void Publish(std::vector<BrokerMessage> messages) {
    const auto publisher = memory_->OpenPublisher().value();
    ASSERT_THAT(publisher->Publish(messages).status, IsOk());
  }

  InboxOptions Options() {
    InboxOptions options;
    options.name = "tests";
    options.topics = {"test"};
    options.retry = {absl::Milliseconds(1), absl::Milliseconds(5)};
    options.trouble = {absl::Milliseconds(1), absl::Milliseconds(20)};
    options.park_backoff = {absl::Milliseconds(20), absl::Milliseconds(50)};
    options.lease = absl::Seconds(2);
    options.storage = storage_;
    return options;
  }

  std::unique_ptr<Inbox> MakeInbox(InboxOptions options,
                                   const std::string& owner = "one") {
    return Inbox::Create(*store_, broker_, std::move(options), owner).value();
  }

  // An inbox whose handler writes down what happened, unless it is to fail.
  std::unique_ptr<Inbox> MakeJournalInbox(InboxOptions options) {
    std::unique_ptr<Inbox> inbox = MakeInbox(std::move(options));
    inbox->On<Happened>(
        [this](Transaction& tx, const Inbound<Happened>& event) {
          const std::string what = event->value();
          tx.OnCommit([this, what] { journal_.Add(what); });
          if (what == poison_value()) return absl::InternalError("poison");
          return absl::OkStatus();
        });
    return inbox;
  }

  std::string poison_value() {
    absl::MutexLock lock(&mutex_);
    return poison_;
  }
  void SetPoison(std::string what) {
    absl::MutexLock lock(&mutex_);
    poison_ = std::move(what);
  }

  std::vector<ParkedMessage> Parked() {
    return storage_->List("tests").value();
  }

  // True iff the broker has nothing more for the group.
  bool IsAllAcknowledged() {
    const auto consumer = memory_->OpenConsumer({"test"}, "tests").value();
    return consumer->Fetch(1, absl::Milliseconds(150)).value().empty();
  }

  std::unique_ptr<EventStore> store_;
  const std::unique_ptr<InMemoryBroker> memory_ =
      MakeInMemoryBroker({.ack_wait = absl::Milliseconds(100)});
  ForgetfulBroker broker_{*memory_};
  std::shared_ptr<InboxStorage> storage_;
  Journal journal_;

 private:
  absl::Mutex mutex_;
  std::string poison_;
};

TEST_P(InboxTest, HandlesMessagesInOrderAndAcknowledgesThem) {
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("a-1", "2"),
           HappenedMessage("b-1", "3")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Status().handled == 3; }));
  EXPECT_THAT(running.Stop(), IsOk());

  EXPECT_THAT(journal_.entries(), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(IsAllAcknowledged());
}

TEST_P(InboxTest, AMessageThatComesAgainIsNotRunAgain) {
  broker_.acks_to_forget = 3;
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("a-1", "2")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Status().duplicates >= 3; }));
  EXPECT_THAT(running.Stop(), IsOk());

  EXPECT_THAT(journal_.entries(), ElementsAre("1", "2"));
  EXPECT_TRUE(IsAllAcknowledged());
}

TEST_P(InboxTest, EffectsAndMessageIdCommitTogether) {
  Publish({HappenedMessage("a-1", "pay")});
  const auto inbox = MakeInbox(Options());
  std::atomic<int> runs = 0;
  inbox->On<Happened>([&](Transaction& tx, const Inbound<Happened>& event) {
    AppendRequest request;
    request.stream_id = "ledger-1";
    request.events = {HappenedEvent(event->value())};
    STELE_RETURN_IF_ERROR(tx.Append({&request, 1}));
    // Fails after its effects, twice.
    return ++runs <= 2 ? absl::UnavailableError("later") : absl::OkStatus();
  });
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Status().handled == 1; }));
  EXPECT_THAT(running.Stop(), IsOk());

  EXPECT_EQ(store_->GetStream("ledger-1").value().version, 1);
  EXPECT_EQ(runs, 3);
  EXPECT_THAT(Parked(), SizeIs(0));
}

TEST_P(InboxTest, APoisonousMessageHoldsOnlyItsOwnKey) {
  SetPoison("a1");
  InboxOptions options = Options();
  options.park_backoff = {absl::Hours(1), absl::Hours(1)};
  Publish({HappenedMessage("a-1", "a1"), HappenedMessage("b-1", "b1"),
           HappenedMessage("a-1", "a2"), HappenedMessage("b-1", "b2"),
           HappenedMessage("a-1", "a3")});
  const auto inbox = MakeJournalInbox(options);
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Status().set_aside == 3; }));
  ASSERT_TRUE(Eventually([&] { return inbox->Status().handled == 2; }));
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

  ASSERT_TRUE(Eventually([&] { return inbox->Status().set_aside == 5; }));
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

  ASSERT_TRUE(Eventually([&] { return inbox->Status().handled == 1; }));
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
  ASSERT_TRUE(Eventually([&] { return inbox->Status().duplicates == 4; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_EQ(inbox->Status().set_aside, 4);
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

TEST_P(InboxTest, TypesNobodyAskedForAreAcknowledgedAndCounted) {
  Publish(
      {HappenedMessage("a-1", "1", "test.Other"), HappenedMessage("a-1", "2")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_EQ(inbox->Status().unhandled, 1);
  EXPECT_TRUE(IsAllAcknowledged());
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
    ASSERT_TRUE(Eventually([&] { return older->Status().set_aside == 3; }));
    EXPECT_THAT(running.Stop(), IsOk());
    EXPECT_EQ(older->Status().unhandled, 0);
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

TEST_P(InboxTest, WaitsForABrokerThatIsAway) {
  memory_->SetReachable(false);
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return inbox->Status().is_circuit_open; }));
  EXPECT_THAT(inbox->Status().last_error,
              StatusIs(absl::StatusCode::kUnavailable));

  memory_->SetReachable(true);
  Publish({HappenedMessage("a-1", "1")});
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  ASSERT_TRUE(Eventually([&] { return !inbox->Status().is_circuit_open; }));
  EXPECT_FALSE(running.has_ended());
}

TEST_P(InboxTest, OneIsAtWorkAndTheOtherTakesOver) {
  Journal second_journal;
  const auto first = MakeJournalInbox(Options());
  const auto second = MakeInbox(Options(), "two");
  second->On<Happened>([&](Transaction& tx, const Inbound<Happened>& event) {
    tx.OnCommit([&, what = event->value()] { second_journal.Add(what); });
    return absl::OkStatus();
  });
  Running running_first(*first);
  ASSERT_TRUE(Eventually([&] { return first->Status().is_leader; }));
  Running running_second(*second);
  Publish({HappenedMessage("a-1", "1")});
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  EXPECT_FALSE(second->Status().is_leader);

  EXPECT_THAT(running_first.Stop(), IsOk());
  Publish({HappenedMessage("a-1", "2")});
  ASSERT_TRUE(Eventually([&] { return second_journal.size() == 1; }));
  EXPECT_THAT(second_journal.entries(), ElementsAre("2"));
  EXPECT_TRUE(second->Status().is_leader);
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

TEST_P(InboxTest, StoppingFinishesTheMessageInHandAndGivesTheRestBack) {
  InboxOptions options = Options();
  options.stop_grace = absl::ZeroDuration();
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("a-1", "2"),
           HappenedMessage("a-1", "3")});
  const auto inbox = MakeInbox(options);
  absl::Notification begun;
  absl::Notification go_on;
  inbox->On<Happened>([&](Transaction& tx, const Inbound<Happened>& event) {
    tx.OnCommit([&, what = event->value()] { journal_.Add(what); });
    if (!begun.HasBeenNotified()) begun.Notify();
    go_on.WaitForNotification();
    return absl::OkStatus();
  });
  Running running(*inbox);
  begun.WaitForNotification();
  inbox->Stop();
  go_on.Notify();
  EXPECT_THAT(running.Join(), IsOk());
  EXPECT_THAT(journal_.entries(), ElementsAre("1"));
  EXPECT_EQ(broker_.retried, 2);
}

TEST_P(InboxTest, ForgetsIdsOfHandledMessagesByAge) {
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("a-1", "2")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 2; }));
  EXPECT_EQ(storage_->Prune("tests", absl::Now() - absl::Hours(1)).value(), 0);
  EXPECT_EQ(storage_->Prune("tests", absl::Now() + absl::Hours(1), 1).value(),
            1);
  EXPECT_EQ(storage_->Prune("tests", absl::Now() + absl::Hours(1)).value(), 1);
}

TEST_P(InboxTest, RefusesOptionsThatCannotBe) {
  const auto refuses = [&](auto change) {
    InboxOptions options = Options();
    change(options);
    EXPECT_THAT(Inbox::Create(*store_, broker_, options, "one").status(),
                StatusIs(absl::StatusCode::kInvalidArgument));
  };
  refuses([](InboxOptions& o) { o.name = ""; });
  refuses([](InboxOptions& o) { o.name = "a.b"; });
  refuses([](InboxOptions& o) { o.topics = {}; });
  refuses([](InboxOptions& o) { o.topics = {"a b"}; });
  refuses([](InboxOptions& o) { o.fetch_messages_max = 0; });
  refuses([](InboxOptions& o) { o.tries_before_parking = 0; });
  refuses([](InboxOptions& o) { o.lease = absl::ZeroDuration(); });
  refuses([](InboxOptions& o) { o.handle_time_max = absl::ZeroDuration(); });
}

}  // namespace stele::testing

#endif  // STELE_TESTS_OUTBOX_INBOX_SUITE_H_
