// Commands of one process on one stream go one after another.

#include <thread>

#include "absl/synchronization/notification.h"
#include "dispatcher_fixture.h"

namespace stele {
namespace {

using till::MakeLook;
using till::MakeOpenTill;
using till::MakePayIn;
using till::MakePayOut;

using Requests = std::span<const AppendRequest>;

// Holds the next append until it is let go.
class TurnsTest : public DispatcherTest {
 protected:
  void HoldNextAppend() {
    store_.OnAppend({[this](EventStore& inner, Requests requests) {
      holding_.Notify();
      let_go_.WaitForNotification();
      return inner.AppendAll(requests);
    }});
  }
  template <typename Command>
  std::thread InBackground(Command message, absl::StatusOr<Receipt>& receipt) {
    return std::thread([this, message = std::move(message), &receipt] {
      receipt = dispatcher_->Dispatch(message);
    });
  }
  void WaitUntilOneWaits() {
    while (metrics_["stele_commands_waiting{}"] != 1) {
      std::this_thread::yield();
    }
  }
  // Runs `first` and has `second` wait for it.
  template <typename First, typename Second>
  void RunBehind(const First& first, const Second& second) {
    std::thread one = InBackground(first, first_);
    holding_.WaitForNotification();
    std::thread two = InBackground(second, second_);
    WaitUntilOneWaits();
    let_go_.Notify();
    one.join();
    two.join();
  }

  absl::Notification holding_;
  absl::Notification let_go_;
  absl::StatusOr<Receipt> first_;
  absl::StatusOr<Receipt> second_;
};

STELE_ON_ALL_STORES(TurnsTest);

TEST_P(TurnsTest, SecondIsDecidedOnWhatTheFirstLeft) {
  OpenWith("a", 10);
  store_.reads = 0;
  HoldNextAppend();
  RunBehind(MakePayOut("a", 6), MakePayOut("a", 4));
  EXPECT_THAT(first_, IsOk());
  EXPECT_THAT(second_, IsOk());
  EXPECT_EQ(store_.reads, 1);
  EXPECT_EQ(Load("a").state.cents(), 0);
  EXPECT_EQ(metrics_["stele_command_conflicts_total{command=till.PayOut}"], 0);
}

TEST_P(TurnsTest, SecondIsRefusedOnWhatTheFirstLeft) {
  OpenWith("a", 10);
  HoldNextAppend();
  RunBehind(MakePayOut("a", 6), MakePayOut("a", 5));
  EXPECT_THAT(second_, RejectedFor("insufficient_funds"));
}

TEST_P(TurnsTest, OtherStreamsDoNotWait) {
  OpenWith("a", 10);
  Open("b");
  HoldNextAppend();
  std::thread one = InBackground(MakePayOut("a", 6), first_);
  holding_.WaitForNotification();
  EXPECT_THAT(Dispatch(MakePayIn("b", 1)), IsOk());
  let_go_.Notify();
  one.join();
}

TEST_P(TurnsTest, SecondCreationIsRejected) {
  HoldNextAppend();
  RunBehind(MakeOpenTill("a"), MakeOpenTill("a"));
  EXPECT_THAT(first_, IsOk());
  EXPECT_THAT(second_, RejectedFor("already_exists"));
}

TEST_P(TurnsTest, CreationThenCommandNeedsNoRead) {
  HoldNextAppend();
  RunBehind(MakeOpenTill("a"), MakePayIn("a", 5));
  EXPECT_THAT(second_, IsOk());
  EXPECT_EQ(store_.reads, 0);
  EXPECT_EQ(Load("a").state.cents(), 5);
}

// The first one's failure is not the second one's.
TEST_P(TurnsTest, SecondGoesOnAfterTheFirstFailed) {
  OpenWith("a", 10);
  store_.OnAppend({[this](EventStore&, Requests) {
    holding_.Notify();
    let_go_.WaitForNotification();
    return HookedStore::Appended(absl::UnavailableError("gone"));
  }});
  RunBehind(MakePayOut("a", 6), MakePayOut("a", 10));
  EXPECT_THAT(first_, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(second_, IsOk());
}

// What another process wrote meanwhile may be all that the second one lacked.
TEST_P(TurnsTest, SecondIsNotRefusedOnAStaleState) {
  OpenWith("a", 10);
  store_.OnAppend({[this](EventStore& inner, Requests requests) {
    holding_.Notify();
    let_go_.WaitForNotification();
    auto appended = inner.AppendAll(requests);
    AppendRaw("a", "till.Received", till::MakePaidIn(100).SerializeAsString());
    return appended;
  }});
  RunBehind(MakePayOut("a", 10), MakePayOut("a", 70));
  EXPECT_THAT(first_, IsOk());
  EXPECT_THAT(second_, IsOk());
  EXPECT_EQ(Load("a").version, 5);
  EXPECT_EQ(Load("a").state.cents(), 30);
}

TEST_P(TurnsTest, MoreThanMayWaitAreRefused) {
  Open("a");
  const auto dispatcher = MakeDispatcher(store_, {.waiting_commands_max = 0});
  ASSERT_THAT(dispatcher->Add(MakeAggregateType<till::TillDecider>()), IsOk());
  HoldNextAppend();
  std::thread one([&] { first_ = dispatcher->Dispatch(MakePayIn("a", 1)); });
  holding_.WaitForNotification();
  EXPECT_THAT(
      dispatcher->Dispatch(MakePayIn("a", 1)),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("\"till-a\"")));
  let_go_.Notify();
  one.join();
  EXPECT_THAT(first_, IsOk());
  EXPECT_THAT(dispatcher->Dispatch(MakePayIn("a", 1)), IsOk());
}

TEST_P(TurnsTest, HotStreamHasNoConflictsOfItsOwn) {
  constexpr int kThreads = 16;
  constexpr int kEach = 16;
  Open("a");
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kEach; ++n) {
        if (i == 0) {
          EXPECT_THAT(Dispatch(MakeLook("a")), IsOk());
        } else {
          EXPECT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Load("a").state.cents(), (kThreads - 1) * kEach);
  EXPECT_EQ(metrics_["stele_command_conflicts_total{command=till.PayIn}"], 0);
}

}  // namespace
}  // namespace stele
