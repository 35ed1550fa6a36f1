#ifndef STELE_TESTS_OUTBOX_INBOX_COURSE_SUITE_H_
#define STELE_TESTS_OUTBOX_INBOX_COURSE_SUITE_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "tests/outbox/inbox_fixture.h"

// The course of messages through an inbox, and of inboxes.

namespace stele::testing {

TEST_P(InboxTest, HandlesMessagesInOrderAndAcknowledgesThem) {
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("a-1", "2"),
           HappenedMessage("b-1", "3")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Activity().handled == 3; }));
  EXPECT_THAT(running.Stop(), IsOk());

  EXPECT_THAT(journal_.entries(), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(IsAllAcknowledged());
}

TEST_P(InboxTest, AMessageThatComesAgainIsNotRunAgain) {
  broker_.acks_to_forget = 3;
  Publish({HappenedMessage("a-1", "1"), HappenedMessage("a-1", "2")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Activity().duplicates >= 3; }));
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
    STELE_RETURN_IF_ERROR(tx.AppendAll({&request, 1}));
    // Fails after its effects, twice.
    return ++runs <= 2 ? absl::UnavailableError("later") : absl::OkStatus();
  });
  Running running(*inbox);

  ASSERT_TRUE(Eventually([&] { return inbox->Activity().handled == 1; }));
  EXPECT_THAT(running.Stop(), IsOk());

  EXPECT_EQ(store_->GetStream("ledger-1").value().version, 1);
  EXPECT_EQ(runs, 3);
  EXPECT_THAT(Parked(), SizeIs(0));
}

TEST_P(InboxTest, TypesNobodyAskedForAreAcknowledgedAndCounted) {
  Publish(
      {HappenedMessage("a-1", "1", "test.Other"), HappenedMessage("a-1", "2")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_EQ(inbox->Activity().unhandled, 1);
  EXPECT_TRUE(IsAllAcknowledged());
}

TEST_P(InboxTest, WaitsForABrokerThatIsAway) {
  memory_->SetReachable(false);
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return inbox->Activity().is_circuit_open; }));
  EXPECT_THAT(inbox->Activity().last_error,
              StatusIs(absl::StatusCode::kUnavailable));

  memory_->SetReachable(true);
  Publish({HappenedMessage("a-1", "1")});
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  ASSERT_TRUE(Eventually([&] { return !inbox->Activity().is_circuit_open; }));
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
  ASSERT_TRUE(Eventually([&] { return first->Activity().is_leader; }));
  Running running_second(*second);
  Publish({HappenedMessage("a-1", "1")});
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 1; }));
  EXPECT_FALSE(second->Activity().is_leader);

  EXPECT_THAT(running_first.Stop(), IsOk());
  Publish({HappenedMessage("a-1", "2")});
  ASSERT_TRUE(Eventually([&] { return second_journal.size() == 1; }));
  EXPECT_THAT(second_journal.entries(), ElementsAre("2"));
  EXPECT_TRUE(second->Activity().is_leader);
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

#endif  // STELE_TESTS_OUTBOX_INBOX_COURSE_SUITE_H_
