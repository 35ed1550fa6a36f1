// Other writers, and appends whose outcome is not known.

#include <atomic>
#include <set>
#include <thread>

#include "dispatcher_fixture.h"
#include "stele/base/status.h"

namespace stele {
namespace {

using till::MakeOpenTill;
using till::MakePayIn;
using till::MakePayOut;

using Requests = std::span<const AppendRequest>;

class ConflictTest : public DispatcherTest {
 protected:
  // Writes to the same stream first, as another process would.
  HookedStore::AppendHook AfterPayIn(std::int64_t cents) {
    return [this, cents](EventStore& inner, Requests requests) {
      AppendRaw(std::string(IdOf(requests[0].stream_id)), "till.Received",
                till::MakePaidIn(cents).SerializeAsString());
      return inner.AppendAll(requests);
    };
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
  static HookedStore::Appended FindServerAway(EventStore&, Requests) {
    return absl::UnavailableError("no server");
  }
  static HookedStore::Appended Deadlock(EventStore&, Requests) {
    return absl::AbortedError("deadlock");
  }
};

STELE_ON_ALL_STORES(ConflictTest);

TEST_P(ConflictTest, IsDecidedAgainOnTheMissingEvents) {
  OpenWith("a", 10);
  store_.events_read = 0;
  store_.OnAppend({AfterPayIn(5)});
  const auto receipt = Dispatch(MakePayOut("a", 10));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 4);
  EXPECT_EQ(Load("a").state.cents(), 5);
  EXPECT_EQ(store_.events_read, 2 + 1);
  EXPECT_EQ(metrics_["stele_command_conflicts_total{command=till.PayOut}"], 1);
}

TEST_P(ConflictTest, CanTurnIntoARejection) {
  OpenWith("a", 10);
  store_.OnAppend({[this](EventStore& inner, Requests requests) {
    AppendRaw("a", "till.PaidOut", till::MakePaidOut(8).SerializeAsString());
    return inner.AppendAll(requests);
  }});
  EXPECT_THAT(Dispatch(MakePayOut("a", 10)), RejectedFor("insufficient_funds"));
  EXPECT_EQ(Load("a").state.cents(), 2);
}

TEST_P(ConflictTest, GivesUpAfterTheRetries) {
  OpenWith("a", 10);
  store_.OnAppend(std::vector<HookedStore::AppendHook>(4, AfterPayIn(1)));
  const auto receipt = Dispatch(MakePayOut("a", 10));
  EXPECT_THAT(receipt, StatusIs(absl::StatusCode::kAborted));
  EXPECT_TRUE(GetVersionConflict(receipt.status()).has_value());
  EXPECT_EQ(store_.appends, 2 + 4);
  EXPECT_EQ(waits_.size(), 3);
  EXPECT_EQ(Load("a").state.cents(), 14);
  EXPECT_EQ(metrics_["stele_command_seconds{command=till.PayOut,"
                     "outcome=conflict}"],
            1);
}

TEST_P(ConflictTest, DeadlockIsTriedAgain) {
  store_.OnAppend({Deadlock});
  EXPECT_THAT(Dispatch(MakeOpenTill("a")), IsOk());
  store_.OnAppend({Deadlock});
  EXPECT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(Load("a").version, 2);
}

TEST_P(ConflictTest, UnavailableStoreIsNotRetried) {
  Open("a");
  store_.OnAppend({FindServerAway});
  EXPECT_THAT(Dispatch(MakePayIn("a", 1)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(store_.appends, 2);
}

TEST_P(ConflictTest, InDoubtButWrittenIsWrittenOnce) {
  Open("a");
  store_.OnAppend({CommitAndLoseAnswer});
  const auto receipt = Dispatch(MakePayIn("a", 5));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 2);
  EXPECT_EQ(receipt->events, 1);
  EXPECT_FALSE(receipt->was_duplicate);  // It was this one all along.
  EXPECT_EQ(Load("a").state.cents(), 5);
}

TEST_P(ConflictTest, InDoubtAndNotWrittenIsWrittenOnce) {
  store_.OnAppend({LoseRequest, FindServerAway, Deadlock});
  const auto receipt = Dispatch(MakeOpenTill("a"));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_FALSE(receipt->was_duplicate);
  EXPECT_EQ(Load("a").version, 1);
  EXPECT_EQ(waits_.size(), 3);
}

// The rules are not asked again: they would see the command's own events.
TEST_P(ConflictTest, InDoubtAndWrittenBehindOthersIsNotDecidedAgain) {
  OpenWith("a", 10);
  store_.OnAppend({CommitAndLoseAnswer, AfterPayIn(1)});
  const auto receipt = Dispatch(MakePayOut("a", 10));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 3);
  EXPECT_EQ(Load("a").state.cents(), 1);
}

TEST_P(ConflictTest, InDoubtThenOvertakenIsDecidedAgain) {
  OpenWith("a", 10);
  store_.OnAppend({LoseRequest, AfterPayIn(1)});
  const auto receipt = Dispatch(MakePayOut("a", 10));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 4);
  EXPECT_EQ(Load("a").state.cents(), 1);
}

TEST_P(ConflictTest, InDoubtForGoodSaysSoAndCanBeDispatchedAgain) {
  Open("a");
  const DispatchOptions options = {.command_id = SequentialId(500)};
  store_.OnAppend({CommitAndLoseAnswer, FindServerAway, FindServerAway,
                   FindServerAway, FindServerAway, FindServerAway});
  const auto receipt = Dispatch(MakePayIn("a", 5), options);
  EXPECT_THAT(receipt,
              StatusIs(absl::StatusCode::kUnknown, HasSubstr("\"till-a\"")));
  EXPECT_TRUE(IsInDoubt(receipt.status()));
  EXPECT_EQ(waits_.size(), 5);

  const auto second = Dispatch(MakePayIn("a", 5), options);
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(second->was_duplicate);
  EXPECT_EQ(second->version, 2);
  EXPECT_EQ(Load("a").state.cents(), 5);
}

// Nothing but the dispatcher knows the command's id, and yet the answer to the
// repeated append is not taken for the answer to the command.
TEST_P(ConflictTest, InDoubtThenTombstonedIsFound) {
  Open("a");
  store_.OnAppend(
      {CommitAndLoseAnswer, [](EventStore& inner, Requests) {
         EXPECT_THAT(inner.Tombstone("till-a", ExpectedVersion::Any()), IsOk());
         return HookedStore::Appended(
             absl::FailedPreconditionError("tombstoned"));
       }});
  const auto receipt = Dispatch(MakePayIn("a", 5));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 2);
}

// Each in a process of its own, so that they do make each other fail.
TEST_P(ConflictTest, SixtyFourWritersLoseNothing) {
  constexpr int kThreads = 64;
  constexpr int kEach = 4;
  Open("a");
  std::vector<std::vector<std::int64_t>> versions(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i, dispatcher = NewDispatcher()] {
      while (versions[i].size() < kEach) {
        const auto receipt = dispatcher->Dispatch(MakePayIn("a", 1));
        if (receipt.ok()) {
          versions[i].push_back(receipt->version);
        } else {
          ASSERT_THAT(receipt, StatusIs(absl::StatusCode::kAborted));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::int64_t> all;
  for (const auto& own : versions) all.insert(own.begin(), own.end());
  EXPECT_EQ(all.size(), kThreads * kEach);
  EXPECT_EQ(Load("a").version, 1 + kThreads * kEach);
  EXPECT_EQ(Load("a").state.cents(), kThreads * kEach);
}

TEST_P(ConflictTest, SixtyFourWritersNeverOverdraw) {
  constexpr int kThreads = 64;
  OpenWith("a", 100);
  const auto shared = NewDispatcher(/*conflict_retries_max=*/1000);
  std::atomic<int> paid = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    auto own = NewDispatcher(/*conflict_retries_max=*/1000);
    threads.emplace_back([&, i, own = std::move(own)] {
      AggregateDispatcher& dispatcher = i % 2 == 0 ? *own : *shared;
      const auto receipt = dispatcher.Dispatch(MakePayOut("a", 30));
      if (receipt.ok()) {
        ++paid;
      } else {
        EXPECT_THAT(receipt, RejectedFor("insufficient_funds"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(paid, 3);
  EXPECT_EQ(Load("a").state.cents(), 10);
}

}  // namespace
}  // namespace stele
