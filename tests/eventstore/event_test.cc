#include "stele/eventstore/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "stele/eventstore/event_store.h"
#include "stele/testing/status_matchers.h"

namespace stele {
namespace {

using ::stele::testing::IsOk;
using ::stele::testing::StatusIs;
using ::testing::HasSubstr;

TEST(StreamIdTest, HasACategoryAndAnId) {
  EXPECT_EQ(CategoryOf("account-ada-2"), "account");
  EXPECT_EQ(IdOf("account-ada-2"), "ada-2");
  EXPECT_EQ(CategoryOf("account"), "");
  EXPECT_EQ(IdOf("account"), "");
  EXPECT_EQ(MakeStreamId("account", "ada-2"), "account-ada-2");
}

TEST(StreamIdTest, AnErrorSaysWhatIsWrongAndWhatIsRight) {
  EXPECT_THAT(ValidateStreamId("account"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "stream id \"account\" has no dash after its category; "
                       "a right one is \"account-ada\""));
  EXPECT_THAT(std::string(ValidateStreamId("a-\n").message()),
              HasSubstr("\"a-\\n\" has control characters"));
}

TEST(MetadataTest, ComesBackWhole) {
  EventMetadata metadata;
  metadata.correlation_id = "c";
  metadata.causation_id = "cause";
  metadata.command_id = *Uuid::Parse("0190163d-8694-739b-aea5-966c26f8ad91");
  metadata.traceparent =
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
  metadata.headers = {{"tenant", "Zürich"}, {"", ""}};
  const auto parsed = ParseMetadata(SerializeMetadata(metadata));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->correlation_id, "c");
  EXPECT_EQ(parsed->causation_id, "cause");
  EXPECT_EQ(parsed->command_id, metadata.command_id);
  EXPECT_EQ(parsed->traceparent, metadata.traceparent);
  EXPECT_EQ(parsed->headers, metadata.headers);
}

TEST(MetadataTest, NothingIsEmpty) {
  EXPECT_EQ(SerializeMetadata({}), "");
  const auto parsed = ParseMetadata("");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_TRUE(parsed->command_id.is_nil());
}

TEST(MetadataTest, BrokenTextIsMendedSoThatItCanBeReadBack) {
  const auto parsed = ParseMetadata(SerializeMetadata(
      {.correlation_id = "a\xFF", .headers = {{"\xFE", "b"}}}));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->correlation_id, "a\xEF\xBF\xBD");
  EXPECT_EQ(parsed->headers.begin()->first, "\xEF\xBF\xBD");
}

TEST(MetadataTest, OtherBytesAreDataLoss) {
  EXPECT_THAT(ParseMetadata("\xFF\xFF\xFF"),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ParseMetadata(std::string("\x1A\x02\x01\x02", 4)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("2 bytes")));
}

TEST(NewEventTest, MetadataThatCannotBeReadBackIsRefused) {
  NewEvent event;
  event.id = *Uuid::Parse("0190163d-8694-739b-aea5-966c26f8ad91");
  event.type = "bank.Deposited";
  EXPECT_THAT(ValidateNewEvent(event), IsOk());
  event.metadata = "\xFF\xFF\xFF";
  EXPECT_THAT(ValidateNewEvent(event),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "metadata of event 0190163d-8694-739b-aea5-966c26f8ad91 "
                       "of type \"bank.Deposited\" cannot be parsed; use "
                       "SerializeMetadata()"));
  event.metadata = std::string("\x1A\x02\x01\x02", 4);
  EXPECT_THAT(
      ValidateNewEvent(event),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 bytes")));
  event.metadata = SerializeMetadata({.correlation_id = "request-1"});
  EXPECT_THAT(ValidateNewEvent(event), IsOk());
}

TEST(ExpectedVersionTest, ReadsAsInASentence) {
  EXPECT_EQ(ExpectedVersion::Any().ToString(), "any version");
  EXPECT_EQ(ExpectedVersion::NoStream().ToString(), "no stream");
  EXPECT_EQ(ExpectedVersion::StreamExists().ToString(), "an existing stream");
  EXPECT_EQ(ExpectedVersion::Exactly(3).ToString(), "exactly 3");
  EXPECT_FALSE(ExpectedVersion::Exactly(-1).is_valid());
  EXPECT_EQ(ExpectedVersion::Exactly(0), ExpectedVersion::NoStream());
}

}  // namespace
}  // namespace stele
