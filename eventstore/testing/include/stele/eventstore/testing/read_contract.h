#ifndef STELE_EVENTSTORE_TESTING_READ_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_READ_CONTRACT_H_

#include "stele/eventstore/testing/contract_fixture.h"

// Part of contract_suite.h: streams, the log, its head, and snapshots.
namespace stele::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::SizeIs;

TEST_P(EventStoreContract, AMissingStreamIsEmpty) {
  EXPECT_THAT(Read("order-1"), IsEmpty());
  const absl::StatusOr<StreamInfo> info = store().GetStream("order-1");
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->version, 0);
  EXPECT_FALSE(info->is_tombstoned);
}

TEST_P(EventStoreContract, AStreamIsReadForwardsFromAnyVersion) {
  Append("order-1", 5);
  ReadStreamRequest request{.stream_id = "order-1"};
  EXPECT_THAT(Versions(request), ElementsAre(1, 2, 3, 4, 5));
  request.from_version = 0;
  EXPECT_THAT(Versions(request), ElementsAre(1, 2, 3, 4, 5));
  request.from_version = 3;
  EXPECT_THAT(Versions(request), ElementsAre(3, 4, 5));
  request.limit = 2;
  EXPECT_THAT(Versions(request), ElementsAre(3, 4));
  request.limit = 0;
  EXPECT_THAT(Versions(request), IsEmpty());
  request = {.stream_id = "order-1", .from_version = 6};
  EXPECT_THAT(Versions(request), IsEmpty());
}

TEST_P(EventStoreContract, AStreamIsReadBackwardsFromAnyVersion) {
  Append("order-1", 5);
  ReadStreamRequest request{.stream_id = "order-1",
                            .direction = Direction::kBackwards};
  EXPECT_THAT(Versions(request), ElementsAre(5, 4, 3, 2, 1));
  request.from_version = 3;
  EXPECT_THAT(Versions(request), ElementsAre(3, 2, 1));
  request.limit = 2;
  EXPECT_THAT(Versions(request), ElementsAre(3, 2));
  request.from_version = 100;
  EXPECT_THAT(Versions(request), ElementsAre(5, 4));
  request.from_version = 0;
  EXPECT_THAT(Versions(request), IsEmpty());
}

TEST_P(EventStoreContract, ALongStreamIsReadWhole) {
  Append("other-1", 3);
  for (int i = 0; i < 3; ++i) {
    Append("long-1", 1000);
    Append("other-1", 3);
  }
  const std::vector<RecordedEvent> events = Read("long-1");
  ASSERT_THAT(events, SizeIs(3000));
  for (std::size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i].version, static_cast<std::int64_t>(i + 1));
    ASSERT_EQ(events[i].stream_id, "long-1");
  }
}

TEST_P(EventStoreContract, AVisitorEndsTheReadOfAStream) {
  Append("order-1", 5);
  int visited = 0;
  EXPECT_THAT(store().ReadStream({.stream_id = "order-1"},
                                 [&](RecordedEvent event) {
                                   ++visited;
                                   return event.version == 2
                                              ? absl::CancelledError("enough")
                                              : absl::OkStatus();
                                 }),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_EQ(visited, 2);
}

TEST_P(EventStoreContract, AThrowingVisitorIsAnError) {
  const std::int64_t last = Append("order-1", 2).position;
  ASSERT_THAT(AwaitHead(last), IsOk());
  const auto boom = [](RecordedEvent) -> absl::Status {
    throw std::runtime_error("boom");
  };
  const auto is_internal =
      StatusIs(absl::StatusCode::kInternal, HasSubstr("the visitor threw"));
  const absl::Status stream =
      store().ReadStream({.stream_id = "order-1"}, boom);
  EXPECT_THAT(stream, is_internal);
  EXPECT_TRUE(IsHandlerThrew(stream));
  const auto log = store().ReadLog({}, boom);
  EXPECT_THAT(log, is_internal);
  EXPECT_TRUE(IsHandlerThrew(log.status()));
}

TEST_P(EventStoreContract, AVisitorMayUseTheStore) {
  Append("order-1", 2);
  EXPECT_THAT(store().ReadStream({.stream_id = "order-1"},
                                 [&](RecordedEvent) {
                                   return store()
                                       .Append(Request("copy-1",
                                                       ExpectedVersion::Any()))
                                       .status();
                                 }),
              IsOk());
  EXPECT_EQ(VersionOf("copy-1"), 2);
}

TEST_P(EventStoreContract, GetStreamKnowsVersionAndPosition) {
  const AppendResult result = Append("order-1", 3);
  Append("order-2");
  const absl::StatusOr<StreamInfo> info = store().GetStream("order-1");
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->version, 3);
  EXPECT_EQ(info->last_position, result.position);
}

// ---- The log ----------------------------------------------------------------

TEST_P(EventStoreContract, TheLogHoldsAllStreamsInOrder) {
  Append("a-1", 2);
  Append("b-1", 1);
  const std::int64_t last = Append("a-1", 1).position;
  const std::vector<RecordedEvent> log = ReadLog({}, last);
  ASSERT_THAT(log, SizeIs(4));
  std::vector<std::string> names;
  std::int64_t position = 0;
  for (const RecordedEvent& event : log) {
    names.push_back(event.stream_id + "@" + std::to_string(event.version));
    EXPECT_GT(event.position, position);
    position = event.position;
  }
  EXPECT_THAT(names, ElementsAre("a-1@1", "a-1@2", "b-1@1", "a-1@3"));
  EXPECT_EQ(position, last);
}

TEST_P(EventStoreContract, AnEmptyLogIsAtItsHead) {
  const absl::StatusOr<LogProgress> progress =
      store().ReadLog({}, [](RecordedEvent) { return absl::OkStatus(); });
  ASSERT_THAT(progress, IsOk());
  EXPECT_TRUE(progress->at_head);
  EXPECT_THAT(store().Head(), IsOk());
}

TEST_P(EventStoreContract, TheLogIsReadFromAnyPosition) {
  std::vector<std::int64_t> positions;
  for (int i = 0; i < 5; ++i) positions.push_back(Append("a-1").position);
  EXPECT_THAT(ReadLog({.after_position = positions[2]}, positions[4]),
              SizeIs(2));
  EXPECT_THAT(
      ReadLog({.after_position = positions[2], .limit = 1}, positions[4]),
      SizeIs(2));
  EXPECT_THAT(ReadLog({.after_position = positions[4]}, positions[4]),
              IsEmpty());
}

TEST_P(EventStoreContract, ALimitedReadSaysHowFarItCame) {
  const std::int64_t last = Append("a-1", 5).position;
  ASSERT_THAT(AwaitHead(last), IsOk());
  std::vector<std::int64_t> seen;
  const absl::StatusOr<LogProgress> progress =
      store().ReadLog({.limit = 3}, [&](RecordedEvent event) {
        seen.push_back(event.position);
        return absl::OkStatus();
      });
  ASSERT_THAT(progress, IsOk());
  ASSERT_THAT(seen, SizeIs(3));
  EXPECT_FALSE(progress->at_head);
  EXPECT_GE(progress->position, seen.back());
  EXPECT_LT(progress->position, last);
}

TEST_P(EventStoreContract, APositionBeyondTheLogIsOfAnotherLog) {
  const std::int64_t last = Append("a-1").position;
  ASSERT_THAT(AwaitHead(last), IsOk());
  const auto visit = [](RecordedEvent) { return absl::OkStatus(); };
  const absl::StatusOr<LogProgress> progress =
      store().ReadLog({.after_position = last}, visit);
  ASSERT_THAT(progress, IsOk());
  EXPECT_EQ(progress->position, last);
  EXPECT_TRUE(progress->at_head);
  EXPECT_THAT(store().ReadLog({.after_position = last + 1}, visit),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(EventStoreContract, FiltersLetOnlyTheirsThrough) {
  AppendRequest request = Request("order-1", ExpectedVersion::Any(), 3);
  request.events[1].type = "test.Other";
  ASSERT_THAT(store().Append(request), IsOk());
  Append("orders-1");
  request = Request("stock-1", ExpectedVersion::Any(), 2);
  request.events[0].type = "test.Other";
  const absl::StatusOr<AppendResult> result = store().Append(request);
  ASSERT_THAT(result, IsOk());
  const std::int64_t last = result->position;
  EXPECT_THAT(ReadLog({.categories = {"order"}}, last), SizeIs(3));
  EXPECT_THAT(ReadLog({.categories = {"order", "stock"}}, last), SizeIs(5));
  EXPECT_THAT(ReadLog({.types = {"test.Other"}}, last), SizeIs(2));
  EXPECT_THAT(ReadLog({.types = {"test.Other", "test.Happened"}}, last),
              SizeIs(6));
  EXPECT_THAT(ReadLog({.categories = {"order"}, .types = {"test.Other"}}, last),
              SizeIs(1));
  EXPECT_THAT(ReadLog({.categories = {"nobody"}}, last), IsEmpty());
  EXPECT_THAT(ReadLog({.types = {"test.Never"}}, last), IsEmpty());
}

TEST_P(EventStoreContract, ProgressGoesPastFilteredEvents) {
  Append("order-1");
  const std::int64_t last = Append("stock-1", 50).position;
  ASSERT_THAT(AwaitHead(last), IsOk());
  ReadLogRequest request{.limit = 10, .categories = {"order"}};
  LogProgress progress;
  for (int reads = 0; reads < 100 && !progress.at_head; ++reads) {
    request.after_position = progress.position;
    const absl::StatusOr<LogProgress> next = store().ReadLog(
        request, [](RecordedEvent) { return absl::OkStatus(); });
    ASSERT_THAT(next, IsOk());
    progress = *next;
  }
  EXPECT_TRUE(progress.at_head);
  EXPECT_GE(progress.position, last);
}

TEST_P(EventStoreContract, AReadEndsAfterThePositionsItMayLookThrough) {
  Append("order-1");
  const std::int64_t last = Append("stock-1", 50).position;
  ASSERT_THAT(AwaitHead(last), IsOk());
  ReadLogRequest request{.categories = {"order"}, .positions_max = 20};
  int reads = 0;
  for (bool at_head = false; !at_head; ++reads) {
    const absl::StatusOr<LogProgress> progress = store().ReadLog(
        request, [](RecordedEvent) { return absl::OkStatus(); });
    ASSERT_THAT(progress, IsOk());
    at_head = progress->at_head;
    if (!at_head) {
      EXPECT_EQ(progress->position, request.after_position + 20);
    }
    request.after_position = progress->position;
  }
  EXPECT_GE(reads, 3);
  EXPECT_GE(request.after_position, last);
}

TEST_P(EventStoreContract, AVisitorEndsTheReadOfTheLog) {
  const std::int64_t last = Append("order-1", 5).position;
  ASSERT_THAT(AwaitHead(last), IsOk());
  int visited = 0;
  EXPECT_THAT(store().ReadLog({},
                              [&](RecordedEvent) {
                                return ++visited == 3
                                           ? absl::DataLossError("broken")
                                           : absl::OkStatus();
                              }),
              StatusIs(absl::StatusCode::kDataLoss, "broken"));
  EXPECT_EQ(visited, 3);
}

// A reader that only ever goes on from where it was must see every event of
// every acknowledged append, once and in order, while many append.
TEST_P(EventStoreContract, AFollowerSeesEveryEventOnce) {
  constexpr int kWriters = 4;
  constexpr int kAppends = 40;
  std::atomic<int> writing{kWriters};
  std::vector<RecordedEvent> seen;
  InParallel(kWriters + 1, [&](int i) {
    if (i < kWriters) {
      for (int n = 0; n < kAppends; ++n) {
        const std::string stream_id = "s-" + std::to_string((i + n) % 7);
        // Every third one loses on purpose.
        const ExpectedVersion expected = n % 3 == 0
                                             ? ExpectedVersion::Exactly(9999)
                                             : ExpectedVersion::Any();
        const absl::Status status =
            store().Append(Request(stream_id, expected, 1 + n % 3)).status();
        EXPECT_EQ(status.ok(), n % 3 != 0) << status;
      }
      --writing;
      return;
    }
    std::int64_t position = 0;
    while (true) {
      const bool is_last = writing.load() == 0;
      const absl::StatusOr<LogProgress> progress = store().ReadLog(
          {.after_position = position, .limit = 37}, [&](RecordedEvent event) {
            seen.push_back(std::move(event));
            return absl::OkStatus();
          });
      ASSERT_THAT(progress, IsOk());
      position = progress->position;
      if (is_last && progress->at_head) return;
    }
  });
  std::size_t expected = 0;
  for (int n = 0; n < kAppends; ++n) {
    if (n % 3 != 0) expected += static_cast<std::size_t>(1 + n % 3) * kWriters;
  }
  EXPECT_THAT(seen, SizeIs(expected));
  std::map<std::string, std::int64_t> versions;
  std::int64_t position = 0;
  for (const RecordedEvent& event : seen) {
    EXPECT_GT(event.position, position);
    position = event.position;
    EXPECT_EQ(event.version, ++versions[event.stream_id]);
  }
}

// ---- The head ---------------------------------------------------------------

TEST_P(EventStoreContract, TheHeadCoversWhatWasAppended) {
  const std::int64_t last = Append("a-1", 3).position;
  const absl::StatusOr<std::int64_t> head = AwaitHead(last);
  ASSERT_THAT(head, IsOk());
  EXPECT_GE(*head, last);
  EXPECT_THAT(store().Head(), IsOkAndHolds(::testing::Ge(last)));
}

TEST_P(EventStoreContract, WaitingForTheHeadEndsWithAnAppend) {
  const std::int64_t before = Append("a-1").position;
  ASSERT_THAT(AwaitHead(before), IsOk());
  const absl::StatusOr<std::int64_t> head = store().Head();
  ASSERT_THAT(head, IsOk());
  absl::StatusOr<std::int64_t> woken = 0;
  std::thread waiter(
      [&] { woken = store().WaitForHead(*head, absl::Now() + kPatience); });
  const std::int64_t after = Append("a-1").position;
  waiter.join();
  EXPECT_GT(after, *head);
  EXPECT_THAT(woken, IsOkAndHolds(::testing::Gt(*head)));
}

TEST_P(EventStoreContract, WaitingForTheHeadEndsAtTheDeadline) {
  const std::int64_t last = Append("a-1").position;
  ASSERT_THAT(AwaitHead(last), IsOk());
  const absl::StatusOr<std::int64_t> head =
      store().WaitForHead(last + 1000, absl::Now() + absl::Milliseconds(20));
  EXPECT_THAT(head, IsOkAndHolds(Lt(last + 1000)));
  EXPECT_THAT(store().WaitForHead(last + 1000, absl::InfinitePast()), IsOk());
}

TEST_P(EventStoreContract, InterruptWakesWhoWaitsForTheHead) {
  const std::int64_t last = Append("a-1").position;
  std::atomic<bool> is_done{false};
  absl::StatusOr<std::int64_t> woken = 0;
  std::thread waiter([&] {
    woken = store().WaitForHead(last + 1000, absl::Now() + kPatience);
    is_done = true;
  });
  // Only those who wait now are woken, and the thread may not be there yet.
  while (!is_done) {
    store().Interrupt();
    std::this_thread::yield();
  }
  waiter.join();
  EXPECT_THAT(woken, StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(EventStoreContract, TheEpochStays) {
  const absl::StatusOr<Uuid> epoch = store().Epoch();
  ASSERT_THAT(epoch, IsOk());
  EXPECT_FALSE(epoch->is_nil());
  Append("a-1");
  EXPECT_THAT(store().Epoch(), IsOkAndHolds(*epoch));
}

// ---- Snapshots --------------------------------------------------------------

TEST_P(EventStoreContract, TheNewestSnapshotIsKept) {
  Append("order-1", 5);
  EXPECT_THAT(store().LoadSnapshot("order-1"),
              IsOkAndHolds(::testing::Eq(std::nullopt)));
  ASSERT_THAT(store().SaveSnapshot(
                  {"order-1", 3, "print", std::string("st\0te\xFF", 6)}),
              IsOk());
  ASSERT_THAT(store().SaveSnapshot({"order-1", 2, "print", "older"}), IsOk());
  auto loaded = store().LoadSnapshot("order-1");
  ASSERT_THAT(loaded, IsOk());
  ASSERT_TRUE(loaded->has_value());
  EXPECT_EQ((*loaded)->stream_id, "order-1");
  EXPECT_EQ((*loaded)->version, 3);
  EXPECT_EQ((*loaded)->fingerprint, "print");
  EXPECT_EQ((*loaded)->state, std::string("st\0te\xFF", 6));
  ASSERT_THAT(store().SaveSnapshot({"order-1", 5, "other", ""}), IsOk());
  loaded = store().LoadSnapshot("order-1");
  ASSERT_THAT(loaded, IsOk());
  ASSERT_TRUE(loaded->has_value());
  EXPECT_EQ((*loaded)->version, 5);
  EXPECT_EQ((*loaded)->fingerprint, "other");
  EXPECT_EQ((*loaded)->state, "");
}

TEST_P(EventStoreContract, ASnapshotOfTheSameVersionReplaces) {
  Append("order-1", 3);
  ASSERT_THAT(store().SaveSnapshot({"order-1", 3, "old fold", "a"}), IsOk());
  ASSERT_THAT(store().SaveSnapshot({"order-1", 3, "new fold", "b"}), IsOk());
  const auto loaded = store().LoadSnapshot("order-1");
  ASSERT_THAT(loaded, IsOk());
  ASSERT_TRUE(loaded->has_value());
  EXPECT_EQ((*loaded)->fingerprint, "new fold");
}

TEST_P(EventStoreContract, ASnapshotOfWhatIsStillToComeIsRefused) {
  Append("order-1", 3);
  const auto is_refused = StatusIs(absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(store().SaveSnapshot({"order-1", 4, "print", "x"}), is_refused);
  EXPECT_THAT(store().LoadSnapshot("order-1"),
              IsOkAndHolds(::testing::Eq(std::nullopt)));
  ASSERT_THAT(store().SaveSnapshot({"order-1", 3, "print", "a"}), IsOk());
  EXPECT_THAT(store().SaveSnapshot({"order-1", 4, "print", "x"}), is_refused);
  const auto loaded = store().LoadSnapshot("order-1");
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ((*loaded)->version, 3);
  Append("order-1");
  EXPECT_THAT(store().SaveSnapshot({"order-1", 4, "print", "b"}), IsOk());
}

TEST_P(EventStoreContract, ASnapshotOfNoStreamIsRefused) {
  EXPECT_THAT(store().SaveSnapshot({"order-1", 1, "print", "state"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().LoadSnapshot("order-1"),
              IsOkAndHolds(::testing::Eq(std::nullopt)));
  Append("order-1", 3);
  EXPECT_THAT(store().LoadSnapshot("order-1"),
              IsOkAndHolds(::testing::Eq(std::nullopt)));
  ASSERT_THAT(store().Tombstone("order-1", ExpectedVersion::Any()), IsOk());
  EXPECT_THAT(store().SaveSnapshot({"order-1", 1, "print", "state"}),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_READ_CONTRACT_H_
