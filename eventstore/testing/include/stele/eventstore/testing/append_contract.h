#ifndef STELE_EVENTSTORE_TESTING_APPEND_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_APPEND_CONTRACT_H_

#include "stele/eventstore/testing/contract_fixture.h"

// Part of contract_suite.h: expectations, races, several streams, tombstones.
namespace stele::testing {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(EventStoreContract, AnAppendGivesVersionsAndPositions) {
  const absl::StatusOr<AppendResult> first =
      store().Append(Request("order-1", ExpectedVersion::NoStream(), 3));
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->first_version, 1);
  EXPECT_EQ(first->version, 3);
  EXPECT_GE(first->position, 3);
  EXPECT_FALSE(first->was_duplicate);
  const AppendResult second = Append("order-1", 2);
  EXPECT_EQ(second.first_version, 4);
  EXPECT_EQ(second.version, 5);
  EXPECT_GT(second.position, first->position);
}

TEST_P(EventStoreContract, AnEventComesBackAsItWasGiven) {
  AppendRequest request =
      Request("account-Zürich 日本 'x' \\ %s", ExpectedVersion::NoStream(), 2);
  request.events[0].type = "bank.Deposited";
  request.events[0].payload = std::string("\0\xFF\n'\\%", 6);
  request.events[0].metadata =
      SerializeMetadata({.correlation_id = "c", .headers = {{"a", "b"}}});
  const absl::StatusOr<AppendResult> result = store().Append(request);
  ASSERT_THAT(result, IsOk());
  const std::vector<RecordedEvent> events = Read(request.stream_id);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].stream_id, request.stream_id);
  EXPECT_EQ(events[0].version, 1);
  EXPECT_EQ(events[0].id, request.events[0].id);
  EXPECT_EQ(events[0].type, "bank.Deposited");
  EXPECT_EQ(events[0].payload, request.events[0].payload);
  EXPECT_EQ(events[0].metadata, request.events[0].metadata);
  EXPECT_GT(events[0].recorded_at, absl::FromUnixSeconds(1'600'000'000));
  EXPECT_EQ(events[1].version, 2);
  EXPECT_EQ(events[1].position, result->position);
  EXPECT_LT(events[0].position, events[1].position);
}

TEST_P(EventStoreContract, EmptyPayloadAndMetadataAreAccepted) {
  AppendRequest request = Request("order-1", ExpectedVersion::Any());
  request.events[0].payload = "";
  ASSERT_THAT(store().Append(request), IsOk());
  EXPECT_EQ(Read("order-1").at(0).payload, "");
  EXPECT_EQ(Read("order-1").at(0).metadata, "");
}

TEST_P(EventStoreContract, ExpectationsThatHoldAreAccepted) {
  EXPECT_THAT(store().Append(Request("a-1", ExpectedVersion::Any())), IsOk());
  EXPECT_THAT(store().Append(Request("a-1", ExpectedVersion::Any())), IsOk());
  EXPECT_THAT(store().Append(Request("b-1", ExpectedVersion::NoStream())),
              IsOk());
  EXPECT_THAT(store().Append(Request("b-1", ExpectedVersion::StreamExists())),
              IsOk());
  EXPECT_THAT(store().Append(Request("b-1", ExpectedVersion::Exactly(2))),
              IsOk());
  EXPECT_THAT(store().Append(Request("c-1", ExpectedVersion::Exactly(0))),
              IsOk());
  EXPECT_EQ(VersionOf("a-1"), 2);
  EXPECT_EQ(VersionOf("b-1"), 3);
  EXPECT_EQ(VersionOf("c-1"), 1);
}

TEST_P(EventStoreContract, ExpectationsThatDoNotHoldAreConflicts) {
  Append("there-1", 2);
  struct Case {
    std::string stream_id;
    ExpectedVersion expected;
    std::int64_t actual;
  };
  const std::vector<Case> cases = {
      {"there-1", ExpectedVersion::NoStream(), 2},
      {"there-1", ExpectedVersion::Exactly(1), 2},
      {"there-1", ExpectedVersion::Exactly(3), 2},
      {"missing-1", ExpectedVersion::Exactly(1), 0},
      {"missing-1", ExpectedVersion::StreamExists(), 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.stream_id + " expected at " + c.expected.ToString());
    const absl::Status status =
        store().Append(Request(c.stream_id, c.expected)).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
    const std::optional<VersionConflict> conflict = GetVersionConflict(status);
    ASSERT_TRUE(conflict.has_value());
    EXPECT_EQ(conflict->stream_id, c.stream_id);
    EXPECT_EQ(conflict->expected, c.expected.ToString());
    EXPECT_EQ(conflict->actual, c.actual);
    EXPECT_EQ(VersionOf(c.stream_id), c.actual);
  }
}

TEST_P(EventStoreContract, OneOfManyCreatesAStream) {
  for (int round = 0; round < 10; ++round) {
    const std::string stream_id = "race-" + std::to_string(round);
    std::atomic<int> winners{0};
    std::atomic<int> losers{0};
    InParallel(8, [&](int) {
      const absl::Status status =
          store()
              .Append(Request(stream_id, ExpectedVersion::NoStream(), 2))
              .status();
      if (status.ok()) ++winners;
      if (GetVersionConflict(status).has_value()) ++losers;
    });
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(losers, 7);
    EXPECT_EQ(VersionOf(stream_id), 2);
  }
}

TEST_P(EventStoreContract, OneOfManyWinsEachVersion) {
  Append("race-1");
  std::atomic<std::int64_t> wins{0};
  InParallel(6, [&](int) {
    for (int tries = 0; tries < 25; ++tries) {
      const absl::StatusOr<StreamInfo> info = store().GetStream("race-1");
      ASSERT_THAT(info, IsOk());
      const absl::Status status =
          store()
              .Append(
                  Request("race-1", ExpectedVersion::Exactly(info->version)))
              .status();
      if (status.ok()) {
        ++wins;
      } else {
        ASSERT_TRUE(GetVersionConflict(status).has_value()) << status;
      }
    }
  });
  EXPECT_GE(wins, 25);
  EXPECT_EQ(VersionOf("race-1"), 1 + wins);
  EXPECT_THAT(Read("race-1"), SizeIs(static_cast<std::size_t>(1 + wins)));
}

TEST_P(EventStoreContract, AnyVersionLosesNobodysEvents) {
  InParallel(6, [&](int i) {
    for (int n = 0; n < 20; ++n) {
      AppendRequest request = Request("race-1", ExpectedVersion::Any());
      request.events[0].payload =
          std::string(1, static_cast<char>('a' + i)) + std::to_string(n);
      ASSERT_THAT(store().Append(request), IsOk());
    }
  });
  const std::vector<RecordedEvent> events = Read("race-1");
  ASSERT_THAT(events, SizeIs(120));
  std::vector<int> next(6, 0);
  std::int64_t last_position = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].version, static_cast<std::int64_t>(i + 1));
    EXPECT_GT(events[i].position, last_position);
    last_position = events[i].position;
    const auto writer = static_cast<std::size_t>(events[i].payload[0] - 'a');
    EXPECT_EQ(events[i].payload.substr(1), std::to_string(next[writer]++));
  }
}

TEST_P(EventStoreContract, SeveralStreamsAreAppendedTogether) {
  Append("b-1", 4);
  const std::vector<AppendRequest> requests = {
      Request("c-1", ExpectedVersion::NoStream(), 2),
      Request("b-1", ExpectedVersion::Exactly(4), 1),
      Request("a-1", ExpectedVersion::Any(), 3)};
  const auto results = store().AppendAll(requests);
  ASSERT_THAT(results, IsOk());
  ASSERT_THAT(*results, SizeIs(3));
  EXPECT_EQ((*results)[0].first_version, 1);
  EXPECT_EQ((*results)[0].version, 2);
  EXPECT_EQ((*results)[1].first_version, 5);
  EXPECT_EQ((*results)[1].version, 5);
  EXPECT_EQ((*results)[2].version, 3);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(Read(requests[i].stream_id).back().position,
              (*results)[i].position);
  }
}

TEST_P(EventStoreContract, OneConflictKeepsAllStreamsAsTheyWere) {
  Append("b-1");
  const std::int64_t last = Append("z-1").position;
  const std::vector<AppendRequest> requests = {
      Request("a-1", ExpectedVersion::NoStream(), 2),
      Request("b-1", ExpectedVersion::NoStream()),
      Request("c-1", ExpectedVersion::Any())};
  const absl::Status status = store().AppendAll(requests).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  ASSERT_TRUE(GetVersionConflict(status).has_value());
  EXPECT_EQ(GetVersionConflict(status)->stream_id, "b-1");
  EXPECT_EQ(VersionOf("a-1"), 0);
  EXPECT_EQ(VersionOf("b-1"), 1);
  EXPECT_EQ(VersionOf("c-1"), 0);
  EXPECT_THAT(ReadLog({.after_position = last}, last), IsEmpty());
}

TEST_P(EventStoreContract, CrosswiseAppendsDoNotBlockEachOther) {
  InParallel(4, [&](int i) {
    for (int n = 0; n < 15; ++n) {
      std::vector<AppendRequest> requests = {
          Request("x-1", ExpectedVersion::Any()),
          Request("y-1", ExpectedVersion::Any())};
      if (i % 2 == 1) std::swap(requests[0], requests[1]);
      ASSERT_THAT(store().AppendAll(requests), IsOk());
    }
  });
  EXPECT_EQ(VersionOf("x-1"), 60);
  EXPECT_EQ(VersionOf("y-1"), 60);
}

TEST_P(EventStoreContract, LargeAppendsAreAccepted) {
  AppendRequest many =
      Request("many-1", ExpectedVersion::NoStream(), kMaxEventsPerAppend);
  const absl::StatusOr<AppendResult> result = store().Append(many);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->version, static_cast<std::int64_t>(kMaxEventsPerAppend));
  AppendRequest big = Request("big-1", ExpectedVersion::NoStream());
  big.events[0].payload = std::string(kMaxPayloadBytes, '\xAB');
  big.events[0].metadata = SerializeMetadata(
      {.correlation_id = std::string(kMaxMetadataBytes - 4, 'c')});
  ASSERT_THAT(big.events[0].metadata, SizeIs(kMaxMetadataBytes));
  big.events[0].type = std::string(kMaxTypeBytes, 't');
  ASSERT_THAT(store().Append(big), IsOk());
  EXPECT_EQ(Read("big-1").at(0).payload, big.events[0].payload);
  EXPECT_EQ(Read("big-1").at(0).metadata, big.events[0].metadata);
  EXPECT_EQ(Read("big-1").at(0).type, big.events[0].type);
}

// ---- Tombstones -------------------------------------------------------------

TEST_P(EventStoreContract, ATombstonedStreamIsClosedForEver) {
  const AppendResult last = Append("order-1", 2);
  ASSERT_THAT(store().Tombstone("order-1", ExpectedVersion::Exactly(2)),
              IsOk());
  EXPECT_THAT(store().Append(Request("order-1", ExpectedVersion::Any())),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store().Append(Request("order-1", ExpectedVersion::NoStream())),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(
      store().ReadStream({.stream_id = "order-1"},
                         [](RecordedEvent) { return absl::OkStatus(); }),
      StatusIs(absl::StatusCode::kNotFound));
  const absl::StatusOr<StreamInfo> info = store().GetStream("order-1");
  ASSERT_THAT(info, IsOk());
  EXPECT_TRUE(info->is_tombstoned);
  EXPECT_THAT(ReadLog({}, last.position), SizeIs(2));
}

TEST_P(EventStoreContract, ATombstonedStreamSpoilsAWholeAppend) {
  Append("order-1");
  ASSERT_THAT(store().Tombstone("order-1", ExpectedVersion::Any()), IsOk());
  const std::vector<AppendRequest> requests = {
      Request("fresh-1", ExpectedVersion::NoStream()),
      Request("order-1", ExpectedVersion::Any())};
  EXPECT_THAT(store().AppendAll(requests),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(VersionOf("fresh-1"), 0);
}

TEST_P(EventStoreContract, TombstoningMindsTheVersion) {
  Append("order-1", 2);
  EXPECT_THAT(store().Tombstone("order-1", ExpectedVersion::Exactly(1)),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("order-1"), 2);
  EXPECT_FALSE(store().GetStream("order-1")->is_tombstoned);
  EXPECT_THAT(store().Tombstone("order-2", ExpectedVersion::Any()),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(EventStoreContract, TombstoningTwiceIsHarmless) {
  Append("order-1");
  EXPECT_THAT(store().Tombstone("order-1", ExpectedVersion::Any()), IsOk());
  EXPECT_THAT(store().Tombstone("order-1", ExpectedVersion::Any()), IsOk());
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_APPEND_CONTRACT_H_
