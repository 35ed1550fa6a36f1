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

TEST_P(EventStoreContract, SameIdsWithAnotherExpectationWriteOnce) {
  const std::vector<ExpectedVersion> expectations = {
      ExpectedVersion::NoStream(),     ExpectedVersion::Any(),
      ExpectedVersion::StreamExists(), ExpectedVersion::Exactly(1),
      ExpectedVersion::Exactly(2),     ExpectedVersion::Exactly(7)};
  for (const ExpectedVersion first :
       {ExpectedVersion::NoStream(), ExpectedVersion::Any()}) {
    for (const ExpectedVersion second : expectations) {
      SCOPED_TRACE(first.ToString() + ", then " + second.ToString());
      AppendRequest request = Request(
          absl::StrCat("order-", first.raw(), "/", second.raw()), first, 2);
      const absl::StatusOr<AppendResult> written = store().Append(request);
      ASSERT_THAT(written, IsOk());
      request.expected_version = second;
      ExpectDuplicate(request, *written);
      EXPECT_EQ(VersionOf(request.stream_id), 2);
    }
  }
}

TEST_P(EventStoreContract, SameIdsBehindOthersWriteOnce) {
  AppendRequest request = Request("order-1", ExpectedVersion::NoStream(), 2);
  const absl::StatusOr<AppendResult> written = store().Append(request);
  ASSERT_THAT(written, IsOk());
  Append("order-1", 3);
  for (const ExpectedVersion expected :
       {ExpectedVersion::Any(), ExpectedVersion::StreamExists(),
        ExpectedVersion::NoStream(), ExpectedVersion::Exactly(4)}) {
    SCOPED_TRACE(expected.ToString());
    request.expected_version = expected;
    ExpectDuplicate(request, *written);
  }
  EXPECT_EQ(VersionOf("order-1"), 5);
}

// Not which calls wrote the events counts, but that they are there.
TEST_P(EventStoreContract, EventsThatAreThereInOrderAreARepeat) {
  const AppendRequest first =
      Request("order-1", ExpectedVersion::NoStream(), 2);
  const AppendRequest second = Request("order-1", ExpectedVersion::Any(), 2);
  ASSERT_THAT(store().Append(first), IsOk());
  const absl::StatusOr<AppendResult> last = store().Append(second);
  ASSERT_THAT(last, IsOk());
  AppendRequest both = first;
  both.expected_version = ExpectedVersion::Any();
  both.events.insert(both.events.end(), second.events.begin(),
                     second.events.end());
  ExpectDuplicate(both, {1, 4, last->position});
  AppendRequest end = both;
  end.events.erase(end.events.begin(), end.events.begin() + 2);
  ExpectDuplicate(end, {3, 4, last->position});
  EXPECT_EQ(VersionOf("order-1"), 4);
}

// However far back: the same call, and what named no version.
TEST_P(EventStoreContract, OldEventsAreKnownByTheirCallOrTheirId) {
  AppendRequest exact = Request("order-1", ExpectedVersion::NoStream(), 2);
  AppendRequest any = Request("order-1", ExpectedVersion::Any(), 2);
  const absl::StatusOr<AppendResult> first = store().Append(exact);
  const absl::StatusOr<AppendResult> second = store().Append(any);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  Append("order-1", kRecentEvents);
  ExpectDuplicate(exact, *first);
  ExpectDuplicate(any, *second);
  any.expected_version = ExpectedVersion::NoStream();
  ExpectDuplicate(any, *second);
  any.expected_version = ExpectedVersion::StreamExists();
  any.events.erase(any.events.begin());
  ExpectDuplicate(any, {4, 4, second->position});
  std::swap(any.events, exact.events);
  any.events[1] = Event();
  any.events.push_back(exact.events[0]);
  EXPECT_THAT(store().Append(any), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("order-1"), 4 + kRecentEvents);
}

// The bounds of the promise, so that all stores keep to the same.
TEST_P(EventStoreContract, EventsOutOfReachCountAsNew) {
  AppendRequest request = Request("order-1", ExpectedVersion::NoStream());
  ASSERT_THAT(store().Append(request), IsOk());
  Append("order-1", kRecentEvents - 1);
  AppendRequest again = request;
  again.expected_version = ExpectedVersion::Any();
  ExpectDuplicate(again, {1, 1, 0});
  Append("order-1");
  const absl::StatusOr<AppendResult> anew = store().Append(again);
  ASSERT_THAT(anew, IsOk());
  EXPECT_FALSE(anew->was_duplicate);

  // Who names the version that the stream is at has seen what is there.
  AppendRequest behind = Request("order-2", ExpectedVersion::NoStream());
  ASSERT_THAT(store().Append(behind), IsOk());
  Append("order-2");
  behind.expected_version = ExpectedVersion::Exactly(2);
  const absl::StatusOr<AppendResult> on_purpose = store().Append(behind);
  ASSERT_THAT(on_purpose, IsOk());
  EXPECT_FALSE(on_purpose->was_duplicate);
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

TEST_P(EventStoreContract, SeveralStreamsAreRepeatedWithOtherExpectations) {
  std::vector<AppendRequest> requests = {
      Request("b-1", ExpectedVersion::NoStream(), 2),
      Request("a-1", ExpectedVersion::Any(), 1),
      Request("c-1", ExpectedVersion::NoStream(), 1)};
  const auto first = store().AppendAll(requests);
  ASSERT_THAT(first, IsOk());
  requests[0].expected_version = ExpectedVersion::Any();
  requests[1].expected_version = ExpectedVersion::Exactly(1);
  requests[2].expected_version = ExpectedVersion::StreamExists();
  const auto again = store().AppendAll(requests);
  ASSERT_THAT(again, IsOk());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_TRUE((*again)[i].was_duplicate);
    EXPECT_EQ((*again)[i].position, (*first)[i].position);
  }
  // Now with something new for one of them.
  requests[0].events = {Event()};
  EXPECT_THAT(store().AppendAll(requests),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("a-1"), 1);
  EXPECT_EQ(VersionOf("b-1"), 2);
  EXPECT_EQ(VersionOf("c-1"), 1);
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

TEST_P(EventStoreContract, SomeKnownIdsAreAConflict) {
  for (const ExpectedVersion expected :
       {ExpectedVersion::NoStream(), ExpectedVersion::Any()}) {
    for (const ExpectedVersion then :
         {ExpectedVersion::NoStream(), ExpectedVersion::Any(),
          ExpectedVersion::StreamExists(), ExpectedVersion::Exactly(5)}) {
      SCOPED_TRACE(expected.ToString() + ", then " + then.ToString());
      const AppendRequest first = Request(
          absl::StrCat("order-", expected.raw(), "/", then.raw()), expected, 3);
      ASSERT_THAT(store().Append(first), IsOk());
      AppendRequest other_end = first;
      other_end.events[2] = Event();
      AppendRequest other_beginning = first;
      other_beginning.events[0] = Event();
      AppendRequest longer = first;
      longer.events.push_back(Event());
      AppendRequest gap = first;
      gap.events.erase(gap.events.begin() + 1);
      AppendRequest swapped = first;
      std::swap(swapped.events[0], swapped.events[2]);
      for (AppendRequest request :
           {other_end, other_beginning, longer, gap, swapped}) {
        request.expected_version = then;
        const absl::Status status = store().Append(request).status();
        EXPECT_TRUE(GetVersionConflict(status)) << status;
        EXPECT_EQ(VersionOf(first.stream_id), 3);
      }
    }
  }
}

TEST_P(EventStoreContract, TheLastEventIsNotAppendedOnTopOfItself) {
  AppendRequest request = Request("order-1", ExpectedVersion::NoStream(), 2);
  ASSERT_THAT(store().Append(request), IsOk());
  request.expected_version = ExpectedVersion::Exactly(2);
  request.events.push_back(Event());
  EXPECT_THAT(store().Append(request), StatusIs(absl::StatusCode::kAborted));
  request.events.erase(request.events.begin());
  EXPECT_THAT(store().Append(request), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("order-1"), 2);
}

TEST_P(EventStoreContract, ATombstonedStreamStillKnowsItsEvents) {
  AppendRequest request = Request("order-1", ExpectedVersion::NoStream(), 2);
  const absl::StatusOr<AppendResult> first = store().Append(request);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(store().Tombstone("order-1", ExpectedVersion::Any()), IsOk());
  ExpectDuplicate(request, *first);
  request.expected_version = ExpectedVersion::Any();
  ExpectDuplicate(request, *first);
  request.events[1] = Event();
  EXPECT_THAT(store().Append(request),
              StatusIs(absl::StatusCode::kFailedPrecondition));
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

TEST_P(EventStoreContract, ACommandsEventsAreKnownWithoutItAndWithAnother) {
  AppendRequest request = Request("order-1", ExpectedVersion::Any(), 2);
  request.command_id = RandomIds().Next();
  const absl::StatusOr<AppendResult> first = store().Append(request);
  ASSERT_THAT(first, IsOk());
  request.command_id = std::nullopt;
  ExpectDuplicate(request, *first);
  request.command_id = RandomIds().Next();
  ExpectDuplicate(request, *first);
  // Ids of commands and of events have nothing to do with each other.
  request = Request("order-1", ExpectedVersion::Any());
  ASSERT_THAT(store().Append(request), IsOk());
  AppendRequest other = Request("order-1", ExpectedVersion::Any());
  other.command_id = request.events[0].id;
  const absl::StatusOr<AppendResult> result = store().Append(other);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->was_duplicate);
  AppendRequest again = Request("order-1", ExpectedVersion::Exactly(4));
  again.command_id = other.command_id;
  ExpectDuplicate(again, *result);
  EXPECT_EQ(VersionOf("order-1"), 4);
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
