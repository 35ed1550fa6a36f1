#ifndef STELE_EVENTSTORE_TESTING_IDEMPOTENCY_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_IDEMPOTENCY_CONTRACT_H_

#include "stele/eventstore/testing/contract_fixture.h"

// Part of contract_suite.h: asking again, by event ids and by command ids.
namespace stele::testing {

TEST_P(EventStoreContract, SameIdsTwiceWriteOnceForANewStream) {
  ExpectRepeatIsHarmless(Request("order-1", ExpectedVersion::NoStream(), 3));
}

TEST_P(EventStoreContract, SameIdsTwiceWriteOnceForAnExactVersion) {
  Append("order-1", 4);
  const AppendRequest request =
      Request("order-1", ExpectedVersion::Exactly(4), 3);
  ExpectRepeatIsHarmless(request);
}

TEST_P(EventStoreContract, SameIdsTwiceWriteOnceForAnyVersion) {
  Append("order-1", 2);
  const AppendRequest request = Request("order-1", ExpectedVersion::Any(), 2);
  ExpectRepeatIsHarmless(request);
}

TEST_P(EventStoreContract, SameIdsTwiceWriteOnceForAnExistingStream) {
  Append("order-1", 2);
  const AppendRequest request =
      Request("order-1", ExpectedVersion::StreamExists(), 2);
  ExpectRepeatIsHarmless(request);
}

// Whether it is recognized as a repeat or refused is the store's choice.
TEST_P(EventStoreContract, SameIdsWithAnExpectationThatFailsWriteNothing) {
  AppendRequest request = Request("order-1", ExpectedVersion::NoStream(), 2);
  ASSERT_THAT(store().Append(request), IsOk());
  for (const std::int64_t version : {1, 3, 7}) {
    request.expected_version = ExpectedVersion::Exactly(version);
    const absl::StatusOr<AppendResult> again = store().Append(request);
    if (again.ok()) {
      EXPECT_TRUE(again->was_duplicate);
      EXPECT_EQ(again->version, 2);
    } else {
      EXPECT_TRUE(GetVersionConflict(again.status()).has_value());
    }
    EXPECT_EQ(VersionOf("order-1"), 2);
  }
}

TEST_P(EventStoreContract, SameIdsOfSeveralStreamsWriteOnce) {
  Append("b-1", 3);
  const std::vector<AppendRequest> requests = {
      Request("b-1", ExpectedVersion::Any(), 2),
      Request("a-1", ExpectedVersion::NoStream(), 1)};
  const auto first = store().AppendAll(requests);
  ASSERT_THAT(first, IsOk());
  const auto again = store().AppendAll(requests);
  ASSERT_THAT(again, IsOk());
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE((*again)[i].was_duplicate);
    EXPECT_EQ((*again)[i].version, (*first)[i].version);
    EXPECT_EQ((*again)[i].position, (*first)[i].position);
  }
  EXPECT_EQ(VersionOf("a-1"), 1);
  EXPECT_EQ(VersionOf("b-1"), 5);
}

TEST_P(EventStoreContract, SameIdsAtTheSameTimeWriteOnce) {
  for (const ExpectedVersion expected :
       {ExpectedVersion::NoStream(), ExpectedVersion::Any()}) {
    const AppendRequest request =
        Request("race-" + std::to_string(expected.raw() + 5), expected, 2);
    std::atomic<int> written{0};
    InParallel(6, [&](int) {
      const absl::StatusOr<AppendResult> result = store().Append(request);
      ASSERT_THAT(result, IsOk());
      EXPECT_EQ(result->version, 2);
      if (!result->was_duplicate) ++written;
    });
    EXPECT_EQ(written, 1) << expected.ToString();
    EXPECT_EQ(VersionOf(request.stream_id), 2);
  }
}

TEST_P(EventStoreContract, KnownIdsWithNewOnesAreAConflict) {
  for (const ExpectedVersion expected :
       {ExpectedVersion::NoStream(), ExpectedVersion::Any()}) {
    SCOPED_TRACE(expected.ToString());
    const std::string stream_id = "order-" + std::to_string(expected.raw() + 5);
    const AppendRequest first = Request(stream_id, expected, 2);
    ASSERT_THAT(store().Append(first), IsOk());
    AppendRequest other_end = first;
    other_end.events[1] = Event();
    AppendRequest longer = first;
    longer.events.push_back(Event());
    for (const AppendRequest& request : {other_end, longer}) {
      EXPECT_THAT(store().Append(request),
                  StatusIs(absl::StatusCode::kAborted));
      EXPECT_EQ(VersionOf(stream_id), 2);
    }
  }
}

TEST_P(EventStoreContract, NewIdsBeforeKnownOnesAreAConflict) {
  const AppendRequest first =
      Request("order-1", ExpectedVersion::NoStream(), 2);
  ASSERT_THAT(store().Append(first), IsOk());
  AppendRequest request = first;
  request.events[0] = Event();
  EXPECT_THAT(store().Append(request), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("order-1"), 2);
}

TEST_P(EventStoreContract, ARepeatOfOnlySomeStreamsIsAConflict) {
  const std::vector<AppendRequest> first = {
      Request("a-1", ExpectedVersion::NoStream())};
  ASSERT_THAT(store().AppendAll(first), IsOk());
  const std::vector<AppendRequest> mixed = {
      first[0], Request("b-1", ExpectedVersion::NoStream())};
  EXPECT_THAT(store().AppendAll(mixed), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("a-1"), 1);
  EXPECT_EQ(VersionOf("b-1"), 0);
}

TEST_P(EventStoreContract, TheSameIdInTwoStreamsIsNoDuplicate) {
  const NewEvent event = Event();
  for (const char* stream_id : {"a-1", "b-1"}) {
    const absl::StatusOr<AppendResult> result = store().Append(
        {stream_id, ExpectedVersion::NoStream(), {event}, std::nullopt});
    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->was_duplicate);
  }
}

// ---- Command ids ------------------------------------------------------------

TEST_P(EventStoreContract, ACommandIsAnsweredOnce) {
  AppendRequest request = Request("order-1", ExpectedVersion::NoStream(), 2);
  request.command_id = RandomIds().Next();
  const absl::StatusOr<AppendResult> first = store().Append(request);
  ASSERT_THAT(first, IsOk());
  EXPECT_FALSE(first->was_duplicate);
  Append("order-1");
  for (const ExpectedVersion expected :
       {ExpectedVersion::NoStream(), ExpectedVersion::Any(),
        ExpectedVersion::Exactly(3), ExpectedVersion::Exactly(9)}) {
    SCOPED_TRACE(expected.ToString());
    AppendRequest again = Request("order-1", expected, 1);
    again.command_id = request.command_id;
    const absl::StatusOr<AppendResult> result = store().Append(again);
    ASSERT_THAT(result, IsOk());
    EXPECT_TRUE(result->was_duplicate);
    EXPECT_EQ(result->first_version, 1);
    EXPECT_EQ(result->version, 2);
    EXPECT_EQ(result->position, first->position);
    EXPECT_EQ(VersionOf("order-1"), 3);
  }
}

TEST_P(EventStoreContract, ACommandCanBeLookedUp) {
  AppendRequest request = Request("order-1", ExpectedVersion::NoStream(), 2);
  request.command_id = RandomIds().Next();
  const absl::StatusOr<AppendResult> first = store().Append(request);
  ASSERT_THAT(first, IsOk());
  const auto found = store().FindCommand("order-1", *request.command_id);
  ASSERT_THAT(found, IsOk());
  ASSERT_TRUE(found->has_value());
  EXPECT_TRUE((*found)->was_duplicate);
  EXPECT_EQ((*found)->first_version, 1);
  EXPECT_EQ((*found)->version, 2);
  EXPECT_EQ((*found)->position, first->position);
  EXPECT_THAT(store().FindCommand("order-2", *request.command_id),
              IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(store().FindCommand("order-1", RandomIds().Next()),
              IsOkAndHolds(Eq(std::nullopt)));
}

TEST_P(EventStoreContract, TheSameCommandInTwoStreamsIsNoDuplicate) {
  const Uuid command_id = RandomIds().Next();
  for (const char* stream_id : {"a-1", "b-1"}) {
    AppendRequest request = Request(stream_id, ExpectedVersion::NoStream());
    request.command_id = command_id;
    const absl::StatusOr<AppendResult> result = store().Append(request);
    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->was_duplicate);
  }
}

TEST_P(EventStoreContract, ARefusedCommandIsNotRemembered) {
  AppendRequest request = Request("order-1", ExpectedVersion::Exactly(5));
  request.command_id = RandomIds().Next();
  EXPECT_THAT(store().Append(request), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store().FindCommand("order-1", *request.command_id),
              IsOkAndHolds(Eq(std::nullopt)));
  request.expected_version = ExpectedVersion::NoStream();
  const absl::StatusOr<AppendResult> result = store().Append(request);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->was_duplicate);
}

TEST_P(EventStoreContract, OneCommandManyTimesAtOnceWritesOnce) {
  const Uuid command_id = RandomIds().Next();
  std::atomic<int> written{0};
  InParallel(6, [&](int) {
    AppendRequest request = Request("race-1", ExpectedVersion::Any());
    request.command_id = command_id;
    const absl::StatusOr<AppendResult> result = store().Append(request);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->version, 1);
    if (!result->was_duplicate) ++written;
  });
  EXPECT_EQ(written, 1);
  EXPECT_EQ(VersionOf("race-1"), 1);
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_IDEMPOTENCY_CONTRACT_H_
