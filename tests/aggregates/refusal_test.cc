// A refusal that is to be remembered stays one, whatever the rules say later.

#include <thread>

#include "absl/synchronization/notification.h"
#include "dispatcher_fixture.h"
#include "stele/base/status.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/transaction.h"

namespace stele {
namespace {

using till::MakeLook;
using till::MakeOpenTill;
using till::MakePayIn;
using till::MakePayOut;

using Requests = std::span<const AppendRequest>;

constexpr char kRefused[] = "stele.CommandRefused";

class RefusalTest : public DispatcherTest {
 protected:
  static constexpr char kNoFunds[] = "insufficient_funds";

  // Refuses to pay 5 out of an empty till, for good.
  void Refuse(const std::string& till_id) {
    ASSERT_THAT(Dispatch(MakePayOut(till_id, 5), remember_),
                RejectedFor(kNoFunds));
  }

  // Answers "in doubt" after, or instead of, the append.
  static HookedStore::Appended CommitAndLoseAnswer(EventStore& inner,
                                                   Requests requests) {
    EXPECT_THAT(inner.AppendAll(requests), IsOk());
    return InDoubtError("the connection broke");
  }
  static HookedStore::Appended LoseRequest(EventStore&, Requests) {
    return InDoubtError("the connection broke");
  }

  const DispatchOptions remember_ = {.command_id = SequentialId(500),
                                     .remember_refusal = true};
  const DispatchOptions again_ = {.command_id = SequentialId(500)};
};

STELE_ON_ALL_STORES(RefusalTest);

// ---- The answer stays -------------------------------------------------------

TEST_P(RefusalTest, StaysWhenTheRulesHaveChangedTheirMind) {
  Open("a");
  const auto first = Dispatch(MakePayOut("a", 5), remember_);
  ASSERT_THAT(first, RejectedFor(kNoFunds));
  ASSERT_THAT(Dispatch(MakePayIn("a", 100)), IsOk());
  const auto elsewhere = NewDispatcher();
  for (const DispatchOptions& options : {remember_, again_}) {
    EXPECT_EQ(Dispatch(MakePayOut("a", 5), options).status(), first.status());
    EXPECT_EQ(elsewhere->Dispatch(MakePayOut("a", 5), options).status(),
              first.status());
  }
  EXPECT_EQ(first.status().message(), "There is not that much.");
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), {.command_id = SequentialId(501)}),
              IsOk());
  EXPECT_EQ(Load("a").state.cents(), 95);
}

TEST_P(RefusalTest, StaysWhateverElseWouldBeAnsweredNow) {
  Open("a");
  Refuse("a");
  EXPECT_THAT(Dispatch(MakeLook("a"), again_), RejectedFor(kNoFunds));
  EXPECT_THAT(Dispatch(till::MakeMisbehave("a", till::MISDEED_THROW), again_),
              RejectedFor(kNoFunds));
  EXPECT_THAT(Dispatch(MakeOpenTill("a"), again_), RejectedFor(kNoFunds));
  AppendRaw("a", "till.Shredded", "");
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), remember_), RejectedFor(kNoFunds));
}

TEST_P(RefusalTest, StaysWhenTheStreamWasTombstoned) {
  Open("a");
  Refuse("a");
  ASSERT_THAT(store_.Tombstone("till-a", ExpectedVersion::Any()), IsOk());
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), remember_), RejectedFor(kNoFunds));
  // Another finds the stream closed; there is nowhere to write that down.
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), {.command_id = SequentialId(501),
                                            .remember_refusal = true}),
              RejectedFor("tombstoned"));
}

TEST_P(RefusalTest, IsRecordedOnceWithItsCommand) {
  Open("a");
  Refuse("a");
  Refuse("a");
  ASSERT_THAT(Types("a"), ElementsAre("till.TillOpened", kRefused));
  const RecordedEvent event = Read("a")[1];
  CommandRefused refused;
  ASSERT_TRUE(refused.ParseFromString(event.payload));
  EXPECT_EQ(refused.command_type(), "till.PayOut");
  EXPECT_EQ(refused.reason(), kNoFunds);
  EXPECT_EQ(refused.message(), "There is not that much.");
  const auto metadata = ParseMetadata(event.metadata);
  ASSERT_THAT(metadata, IsOk());
  EXPECT_EQ(metadata->command_id, SequentialId(500));
  EXPECT_EQ(metrics_["stele_command_rejections_total{command=till.PayOut,"
                     "reason=insufficient_funds}"],
            2);
}

TEST_P(RefusalTest, IsNotRecordedUnlessAsked) {
  Open("a");
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), again_), RejectedFor(kNoFunds));
  // Nobody can send the id again that the dispatcher makes up.
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), {.remember_refusal = true}),
              RejectedFor(kNoFunds));
  EXPECT_EQ(store_.appends, 1);
  ASSERT_THAT(Dispatch(MakePayIn("a", 5)), IsOk());
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), again_), IsOk());
}

TEST_P(RefusalTest, AcceptedAndUnchangedAreAnsweredAsEver) {
  Open("a");
  const auto look = Dispatch(MakeLook("a"), remember_);
  ASSERT_THAT(look, IsOk());
  EXPECT_EQ(look->events, 0);
  const auto first = Dispatch(MakePayIn("a", 5), remember_);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(Dispatch(MakePayOut("a", 5)), IsOk());
  const auto second = Dispatch(MakePayOut("a", 5), remember_);
  ASSERT_THAT(second, IsOk()) << "it is a repeat, though refused by now";
  EXPECT_TRUE(second->was_duplicate);
  EXPECT_EQ(second->version, first->version);
  EXPECT_THAT(Types("a"),
              ElementsAre("till.TillOpened", "till.Received", "till.PaidOut"));
}

TEST_P(RefusalTest, AnAnswerWithoutEventsStaysToo) {
  Open("a");
  const DispatchOptions remember = {.command_id = SequentialId(500),
                                    .remember_no_events = true};
  const auto first = Dispatch(MakeLook("a"), remember);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->events, 0);
  EXPECT_FALSE(first->was_duplicate);
  EXPECT_EQ(first->version, 2);
  // As if there were something to do by now, or a rule against it.
  for (const DispatchOptions& options : {remember, remember_, again_}) {
    for (const auto& now : {MakePayIn("a", 5), MakePayIn("a", -5)}) {
      for (const auto& second :
           {Dispatch(now, options), NewDispatcher()->Dispatch(now, options)}) {
        ASSERT_THAT(second, IsOk());
        EXPECT_EQ(second->events, 0);
        EXPECT_TRUE(second->was_duplicate);
        EXPECT_EQ(second->version, 2);
      }
    }
  }
  EXPECT_THAT(Types("a"),
              ElementsAre("till.TillOpened", "stele.CommandChangedNothing"));
  EXPECT_EQ(Load("a").state.cents(), 0);
}

TEST_P(RefusalTest, AnAnswerWithoutEventsIsNotRecordedUnlessAsked) {
  Open("a");
  ASSERT_THAT(Dispatch(MakeLook("a"), remember_), IsOk());
  // Nobody can send the id again that the dispatcher makes up.
  ASSERT_THAT(Dispatch(MakeLook("a"), {.remember_no_events = true}), IsOk());
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), {.command_id = SequentialId(501),
                                            .remember_no_events = true}),
              RejectedFor(kNoFunds));
  EXPECT_EQ(store_.appends, 1);
}

TEST_P(RefusalTest, ACopyOfWhatChangedNothingIsDecidedAfresh) {
  Open("a");
  const auto first = Dispatch(MakeLook("a"), again_);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->events, 0);
  // As if there were something to do by now.
  const auto second = Dispatch(MakePayIn("a", 5), again_);
  ASSERT_THAT(second, IsOk());
  EXPECT_FALSE(second->was_duplicate);
  EXPECT_EQ(second->events, 1);
  const auto third = Dispatch(MakePayIn("a", 5), again_);
  ASSERT_THAT(third, IsOk());
  EXPECT_TRUE(third->was_duplicate);
  EXPECT_EQ(third->position, second->position);
  EXPECT_EQ(Load("a").state.cents(), 5);
}

// ---- The state knows nothing of it ------------------------------------------

TEST_P(RefusalTest, ChangesNoState) {
  OpenWith("a", 3);
  const std::string before = Load("a").state.SerializeAsString();
  Refuse("a");
  EXPECT_EQ(Load("a").state.SerializeAsString(), before);
  EXPECT_EQ(Load("a").version, 3);
  const auto receipt = NewDispatcher()->Dispatch(MakePayIn("a", 1));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 4);
}

TEST_P(RefusalTest, SnapshotsCountItAndAreTakenThoughAllIsRefused) {
  Open("a");
  for (int i = 0; i < 9; ++i) {
    EXPECT_THAT(
        Dispatch(MakePayOut("a", 5), {.command_id = SequentialId(500 + i),
                                      .remember_refusal = true}),
        RejectedFor(kNoFunds));
  }
  EXPECT_EQ(store_.snapshot_saves, 2);  // At 5 and 10.
  const auto saved = store_.inner().LoadSnapshot("till-a");
  ASSERT_THAT(saved, IsOk());
  ASSERT_TRUE(saved->has_value());
  EXPECT_EQ((*saved)->version, 10);
  store_.events_read = 0;
  const auto receipt = NewDispatcher()->Dispatch(MakePayIn("a", 5));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 11);
  EXPECT_EQ(store_.events_read, 1);
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), remember_), RejectedFor(kNoFunds));
  EXPECT_EQ(Load("a").state.cents(), 5);
}

// ---- Creation ---------------------------------------------------------------

TEST_P(RefusalTest, AloneItDoesNotMakeTheAggregateExist) {
  for (int i = 0; i < 7; ++i) {
    EXPECT_THAT(
        Dispatch(MakePayIn("a", 1), {.command_id = SequentialId(500 + i),
                                     .remember_refusal = true}),
        RejectedFor("not_open"));
  }
  EXPECT_EQ(store_.snapshot_saves, 0);
  EXPECT_EQ(Load("a").version, 0);
  const auto opened =
      NewDispatcher(/*conflict_retries_max=*/0)->Dispatch(MakeOpenTill("a"));
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->version, 8);
  EXPECT_THAT(Dispatch(MakeOpenTill("a")), RejectedFor("already_exists"));
  EXPECT_THAT(Dispatch(MakePayIn("a", 1), remember_), RejectedFor("not_open"));
  EXPECT_EQ(Load("a").version, 8);
}

TEST_P(RefusalTest, OfACreationIsRemembered) {
  EXPECT_THAT(Dispatch(MakeOpenTill("a", ""), remember_),
              RejectedFor("no_clerk"));
  EXPECT_THAT(Dispatch(MakeOpenTill("a", ""), {.command_id = SequentialId(501),
                                               .remember_refusal = true}),
              RejectedFor("no_clerk"));
  EXPECT_THAT(Dispatch(MakeOpenTill("a", "nobody")), IsOk());
  EXPECT_EQ(Load("a").version, 0);
  ASSERT_THAT(Dispatch(MakeOpenTill("a", "Ada")), IsOk());
  EXPECT_THAT(Dispatch(MakeOpenTill("a", "Ada"), again_),
              RejectedFor("no_clerk"));
  EXPECT_THAT(Types("a"), ElementsAre(kRefused, kRefused, "till.TillOpened"));
}

TEST_P(RefusalTest, OfASecondCreationIsRemembered) {
  OpenWith("a", 7);
  for (const DispatchOptions& options : {remember_, again_}) {
    EXPECT_THAT(Dispatch(MakeOpenTill("a"), options),
                RejectedFor("already_exists"));
    EXPECT_THAT(NewDispatcher(0)->Dispatch(MakeOpenTill("a"), options),
                RejectedFor("already_exists"));
  }
  EXPECT_THAT(Types("a"),
              ElementsAre("till.TillOpened", "till.Received", kRefused));
  EXPECT_EQ(Load("a").state.cents(), 7);
}

TEST_P(RefusalTest, SecondCreationIsToldByTheFirstEvent) {
  Open("a");
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  store_.events_read = 0;
  EXPECT_THAT(NewDispatcher()->Dispatch(MakeOpenTill("a")),
              RejectedFor("already_exists"));
  EXPECT_EQ(store_.events_read, 1);
}

// ---- Races ------------------------------------------------------------------

// Holds its first append back until it is told to go on.
class Held {
 public:
  HookedStore::AppendHook Hook() {
    return [this](EventStore& inner, Requests requests) {
      reached.Notify();
      go_on.WaitForNotification();
      return inner.AppendAll(requests);
    };
  }
  absl::Notification reached;
  absl::Notification go_on;
};

// It had decided to accept when another refused.
TEST_P(RefusalTest, HeldAcceptanceIsRefused) {
  OpenWith("a", 5);
  const auto other = NewDispatcher();
  Held held;
  store_.OnAppend({held.Hook()});
  absl::StatusOr<Receipt> late = absl::UnknownError("no answer yet");
  std::thread frozen(
      [&] { late = dispatcher_->Dispatch(MakePayOut("a", 5), remember_); });
  held.reached.WaitForNotification();
  ASSERT_THAT(other->Dispatch(MakePayOut("a", 1)), IsOk());
  EXPECT_THAT(other->Dispatch(MakePayOut("a", 5), remember_),
              RejectedFor(kNoFunds));
  ASSERT_THAT(other->Dispatch(MakePayIn("a", 50)), IsOk());
  held.go_on.Notify();
  frozen.join();
  EXPECT_THAT(late, RejectedFor(kNoFunds));
  EXPECT_EQ(Load("a").state.cents(), 54);
}

// It had decided to refuse when another accepted.
TEST_P(RefusalTest, HeldRefusalAnswersTheReceipt) {
  Open("a");
  const auto other = NewDispatcher();
  Held held;
  store_.OnAppend({held.Hook()});
  absl::StatusOr<Receipt> late = absl::UnknownError("no answer yet");
  std::thread frozen(
      [&] { late = dispatcher_->Dispatch(MakePayOut("a", 5), remember_); });
  held.reached.WaitForNotification();
  ASSERT_THAT(other->Dispatch(MakePayIn("a", 5)), IsOk());
  const auto first = other->Dispatch(MakePayOut("a", 5), remember_);
  ASSERT_THAT(first, IsOk());
  held.go_on.Notify();
  frozen.join();
  ASSERT_THAT(late, IsOk());
  EXPECT_TRUE(late->was_duplicate);
  EXPECT_EQ(late->version, first->version);
  EXPECT_EQ(Load("a").state.cents(), 0);
}

// Nobody had answered yet, so that the rules may think again.
TEST_P(RefusalTest, OvertakenByEventsIsDecidedAgain) {
  Open("a");
  store_.OnAppend({[this](EventStore& inner, Requests requests) {
    AppendRaw("a", "till.Received", till::MakePaidIn(5).SerializeAsString());
    return inner.AppendAll(requests);
  }});
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), remember_), IsOk());
  EXPECT_EQ(Load("a").state.cents(), 0);
}

TEST_P(RefusalTest, HeldCreationIsRefused) {
  const auto other = NewDispatcher();
  Held held;
  store_.OnAppend({held.Hook()});
  absl::StatusOr<Receipt> late = absl::UnknownError("no answer yet");
  std::thread frozen(
      [&] { late = dispatcher_->Dispatch(MakeOpenTill("a"), remember_); });
  held.reached.WaitForNotification();
  EXPECT_THAT(other->Dispatch(MakeOpenTill("a", ""), remember_),
              RejectedFor("no_clerk"));
  held.go_on.Notify();
  frozen.join();
  EXPECT_THAT(late, RejectedFor("no_clerk"));
  EXPECT_EQ(Load("a").version, 0);
}

TEST_P(RefusalTest, InDoubtButWrittenIsARefusal) {
  Open("a");
  store_.OnAppend({CommitAndLoseAnswer});
  Refuse("a");
  EXPECT_THAT(Types("a"), ElementsAre("till.TillOpened", kRefused));
}

TEST_P(RefusalTest, InDoubtAndNotWrittenIsWrittenOnce) {
  Open("a");
  store_.OnAppend({LoseRequest, CommitAndLoseAnswer});
  Refuse("a");
  EXPECT_THAT(Types("a"), ElementsAre("till.TillOpened", kRefused));
}

TEST_P(RefusalTest, InDoubtOfASecondCreationIsWrittenOnce) {
  Open("a");
  // The creation's own append comes first, and finds the stream there.
  store_.OnAppend({[](EventStore& inner, Requests requests) {
                     return inner.AppendAll(requests);
                   },
                   CommitAndLoseAnswer});
  EXPECT_THAT(NewDispatcher()->Dispatch(MakeOpenTill("a"), remember_),
              RejectedFor("already_exists"));
  EXPECT_THAT(Types("a"), ElementsAre("till.TillOpened", kRefused));
}

// Some hold stock when they send, some do not: all hear the same.
TEST_P(RefusalTest, AllCopiesOfACommandHearTheSame) {
  constexpr int kRounds = 20;
  constexpr int kCopies = 4;
  Open("a");
  const auto clerk = NewDispatcher(/*conflict_retries_max=*/1000);
  for (int round = 0; round < kRounds; ++round) {
    const DispatchOptions options = {.command_id = SequentialId(1000 + round),
                                     .remember_refusal = true};
    std::vector<absl::StatusOr<Receipt>> answers(kCopies);
    std::vector<std::thread> threads;
    for (int i = 0; i < kCopies; ++i) {
      threads.emplace_back(
          [&, i, own = NewDispatcher(/*conflict_retries_max=*/1000)] {
            answers[i] = own->Dispatch(MakePayOut("a", 1), options);
          });
    }
    ASSERT_THAT(clerk->Dispatch(MakePayIn("a", 1)), IsOk());
    for (std::thread& thread : threads) thread.join();
    const bool is_refused = IsRejected(answers[0].status());
    for (const auto& answer : answers) {
      if (is_refused) {
        EXPECT_THAT(answer, RejectedFor(kNoFunds));
      } else {
        ASSERT_THAT(answer, IsOk());
        EXPECT_EQ(answer->version, answers[0]->version);
      }
    }
    if (is_refused) {
      ASSERT_THAT(clerk->Dispatch(MakePayOut("a", 1)), IsOk());
    }
    EXPECT_EQ(Load("a").state.cents(), 0);
  }
}

// ---- In a transaction -------------------------------------------------------

TEST_P(RefusalTest, IsRecordedInATransactionIfThatCommits) {
  Open("a");
  const auto refuse = [&](absl::Status outcome) {
    return store_.Transact([&](Transaction& tx) -> absl::Status {
      EXPECT_THAT(dispatcher_->DispatchIn(tx, MakePayOut("a", 5), remember_),
                  RejectedFor(kNoFunds));
      return outcome;
    });
  };
  EXPECT_THAT(refuse(absl::CancelledError("no")),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Load("a").version, 1);
  EXPECT_THAT(refuse(absl::OkStatus()), IsOk());
  EXPECT_EQ(Load("a").version, 2);
  ASSERT_THAT(Dispatch(MakePayIn("a", 50)), IsOk());
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), again_), RejectedFor(kNoFunds));
  EXPECT_THAT(refuse(absl::OkStatus()), IsOk());
  EXPECT_EQ(Load("a").state.cents(), 50);
}

TEST_P(RefusalTest, CreationInATransactionLooksBeforeItWrites) {
  EXPECT_THAT(Dispatch(MakePayIn("a", 1), remember_), RejectedFor("not_open"));
  for (const char* answer : {"", "already_exists"}) {
    EXPECT_THAT(store_.Transact([&](Transaction& tx) -> absl::Status {
      EXPECT_EQ(RejectionReason(
                    dispatcher_->DispatchIn(tx, MakeOpenTill("a")).status()),
                answer);
      return absl::OkStatus();
    }),
                IsOk());
  }
  EXPECT_THAT(Types("a"), ElementsAre(kRefused, "till.TillOpened"));
}

TEST_P(RefusalTest, RepeatWithinItsTransactionIsAborted) {
  Open("a");
  EXPECT_THAT(store_.Transact([&](Transaction& tx) -> absl::Status {
    EXPECT_THAT(dispatcher_->DispatchIn(tx, MakePayOut("a", 5), remember_),
                RejectedFor(kNoFunds));
    return dispatcher_->DispatchIn(tx, MakePayOut("a", 5), remember_).status();
  }),
              StatusIs(absl::StatusCode::kAborted));
}

// ---- What is recorded -------------------------------------------------------

TEST_P(RefusalTest, WithoutAReasonHasOne) {
  Open("a");
  EXPECT_THAT(
      Dispatch(till::MakeMisbehave("a", till::MISDEED_NO_REASON), remember_),
      RejectedFor("rejected"));
  EXPECT_THAT(Dispatch(MakeLook("a"), again_), RejectedFor("rejected"));
}

TEST_P(RefusalTest, CorruptRecordIsLocated) {
  Open("a");
  AppendRequest request;
  request.stream_id = "till-a";
  request.command_id = SequentialId(500);
  request.events = {{.id = RandomIds().Next(),
                     .type = kRefused,
                     .payload = "\x08\xFF",
                     .metadata = {}}};
  ASSERT_THAT(store_.inner().Append(request), IsOk());
  EXPECT_THAT(Dispatch(MakePayIn("a", 5), again_),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("\"till-a\""), HasSubstr("version 2"),
                             HasSubstr(kRefused))));
}

}  // namespace
}  // namespace stele
