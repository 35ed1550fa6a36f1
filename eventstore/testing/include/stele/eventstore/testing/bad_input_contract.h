#ifndef STELE_EVENTSTORE_TESTING_BAD_INPUT_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_BAD_INPUT_CONTRACT_H_

#include "stele/eventstore/testing/contract_fixture.h"

// Part of contract_suite.h: what is refused, and that it leaves nothing behind.
namespace stele::testing {

TEST_P(EventStoreContract, MalformedStreamIdsAreRefusedEverywhere) {
  const std::vector<std::string> names = {
      "",
      "order",
      "-1",
      "order-",
      "1order-1",
      "or der-1",
      "or\"der-1",
      "ördner-1",
      "or.der-1",
      std::string("order-\0", 7),
      std::string("order\0-1", 8),
      "order-a\nb",
      "order-\x7F",
      "order-\xC2\x85",
      "order-\xFF",
      "order-\xED\xA0\x80",
      "order-" + std::string(kMaxStreamIdBytes - 5, 'x'),
  };
  for (const std::string& name : names) {
    SCOPED_TRACE(::testing::PrintToString(name));
    const auto is_refused = StatusIs(absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(store().Append(Request(name, ExpectedVersion::Any())),
                is_refused);
    EXPECT_THAT(
        store().ReadStream({.stream_id = name},
                           [](RecordedEvent) { return absl::OkStatus(); }),
        is_refused);
    EXPECT_THAT(store().GetStream(name), is_refused);
    EXPECT_THAT(store().FindCommand(name, RandomIds().Next()), is_refused);
    EXPECT_THAT(store().Tombstone(name, ExpectedVersion::Any()), is_refused);
    EXPECT_THAT(store().LoadSnapshot(name), is_refused);
    EXPECT_THAT(store().SaveSnapshot({name, 1, "", ""}), is_refused);
  }
}

TEST_P(EventStoreContract, HostileButRightStreamIdsAreJustNames) {
  const std::vector<std::string> names = {
      "order-'; DROP TABLE events; --",
      "order-$1",
      "order-%s%n%_",
      "order-\\",
      "order-\"quoted\"",
      "order-{a,b}",
      "order-NULL",
      "order--",
      "order- ",
      "Order-1",
      "order-日本🏦",
      "order-" + std::string(kMaxStreamIdBytes - 6, 'x'),
  };
  for (const std::string& name : names) Append(name);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const std::vector<RecordedEvent> events = Read(name);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].stream_id, name);
    EXPECT_EQ(VersionOf(name), 1);
  }
}

TEST_P(EventStoreContract, MalformedEventsAreRefusedAndWriteNothing) {
  const AppendRequest right = Request("order-1", ExpectedVersion::Any(), 2);
  std::vector<AppendRequest> wrong(12, right);
  wrong[0].events.clear();
  wrong[1].events[1].type = "";
  wrong[2].events[1].type = std::string("a\0b", 3);
  wrong[3].events[1].type = "a\xFF";
  wrong[4].events[1].type = std::string(kMaxTypeBytes + 1, 'a');
  wrong[5].events[1].payload = std::string(kMaxPayloadBytes + 1, 'a');
  wrong[6].events[1].metadata = std::string(kMaxMetadataBytes + 1, 'a');
  wrong[7].events[1].id = Uuid();
  wrong[8].events[1].id = wrong[8].events[0].id;
  wrong[9].expected_version = ExpectedVersion::Exactly(-1);
  wrong[10].events[1].metadata = "no metadata";
  wrong[11].events[1].metadata = "\x1A\x01x";  // A command id of one byte.
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_THAT(store().Append(wrong[i]),
                StatusIs(absl::StatusCode::kInvalidArgument));
    const std::vector<AppendRequest> together = {
        Request("other-1", ExpectedVersion::Any()), wrong[i]};
    EXPECT_THAT(store().AppendAll(together),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(VersionOf("order-1"), 0);
  EXPECT_EQ(VersionOf("other-1"), 0);
}

TEST_P(EventStoreContract, TooMuchAtOnceIsRefused) {
  EXPECT_THAT(
      store().Append(Request("order-1", ExpectedVersion::Any(),
                             static_cast<int>(kMaxEventsPerAppend) + 1)),
      StatusIs(absl::StatusCode::kInvalidArgument));
  AppendRequest large = Request("order-1", ExpectedVersion::Any(), 65);
  for (NewEvent& event : large.events) event.payload.resize(kMaxPayloadBytes);
  EXPECT_THAT(store().Append(large),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(VersionOf("order-1"), 0);
}

TEST_P(EventStoreContract, AnAppendOfNothingOrOfAStreamTwiceIsRefused) {
  EXPECT_THAT(store().AppendAll({}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const std::vector<AppendRequest> twice = {
      Request("order-1", ExpectedVersion::Any()),
      Request("other-1", ExpectedVersion::Any()),
      Request("order-1", ExpectedVersion::Any())};
  EXPECT_THAT(store().AppendAll(twice),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(VersionOf("order-1"), 0);
  EXPECT_EQ(VersionOf("other-1"), 0);
}

TEST_P(EventStoreContract, TheNilCommandIdIsRefused) {
  AppendRequest request = Request("order-1", ExpectedVersion::Any());
  request.command_id = Uuid();
  EXPECT_THAT(store().Append(request),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(EventStoreContract, MalformedReadsAreRefused) {
  Append("order-1");
  const auto visit = [](RecordedEvent) { return absl::OkStatus(); };
  const auto is_refused = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store().ReadStream({.stream_id = "order-1", .limit = -1}, visit),
              is_refused);
  EXPECT_THAT(
      store().ReadStream({.stream_id = "order-1", .from_version = -1}, visit),
      is_refused);
  EXPECT_THAT(store().ReadLog({.after_position = -1}, visit), is_refused);
  EXPECT_THAT(store().ReadLog({.limit = 0}, visit), is_refused);
  EXPECT_THAT(store().ReadLog({.positions_max = 0}, visit), is_refused);
  EXPECT_THAT(store().ReadLog({.categories = {"a'b"}}, visit), is_refused);
  EXPECT_THAT(store().ReadLog({.types = {std::string("a\0b", 3)}}, visit),
              is_refused);
  EXPECT_THAT(store().SaveSnapshot({"order-1", 0, "", ""}), is_refused);
}

TEST_P(EventStoreContract, MalformedConsumersAreRefused) {
  const auto is_refused = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(consumers().Register("", 4, 0), is_refused);
  EXPECT_THAT(consumers().Register(std::string("a\0b", 3), 4, 0), is_refused);
  EXPECT_THAT(consumers().Register("a\xFF", 4, 0), is_refused);
  EXPECT_THAT(consumers().Register("c", 0, 0), is_refused);
  EXPECT_THAT(consumers().Register("c", 1025, 0), is_refused);
  EXPECT_THAT(consumers().Register("c", 4, -1), is_refused);
  ASSERT_THAT(consumers().Register("c", 4, 0), IsOk());
  EXPECT_THAT(consumers().Acquire("c", {""}, absl::Seconds(1)), is_refused);
  EXPECT_THAT(consumers().Acquire("c", {"o"}, absl::ZeroDuration()),
              is_refused);
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_BAD_INPUT_CONTRACT_H_
