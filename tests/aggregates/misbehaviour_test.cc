// Deciders that do what they should not, and streams that cannot be read.

#include "dispatcher_fixture.h"

namespace stele {
namespace {

using till::MakeMisbehave;
using till::MakePayIn;

class MisbehaviourTest : public DispatcherTest {
 protected:
  void SetUp() override { Open("a"); }
  void TearDown() override {
    // Whatever went wrong left nothing behind.
    EXPECT_EQ(Read("a").size(), events_);
  }
  std::size_t events_ = 1;
};

STELE_ON_ALL_STORES(MisbehaviourTest);

TEST_P(MisbehaviourTest, DeciderThatThrowsIsNamed) {
  const auto receipt = Dispatch(MakeMisbehave("a", till::MISDEED_THROW));
  EXPECT_THAT(receipt, StatusIs(absl::StatusCode::kInternal,
                                AllOf(HasSubstr("decider of till.Till"),
                                      HasSubstr("till.Misbehave"),
                                      HasSubstr("the drawer is stuck"))));
  EXPECT_TRUE(IsHandlerThrew(receipt.status()));
}

TEST_P(MisbehaviourTest, DeciderMayThrowAnything) {
  EXPECT_THAT(Dispatch(MakeMisbehave("a", till::MISDEED_THROW_NUMBER)),
              StatusIs(absl::StatusCode::kInternal));
}

TEST_P(MisbehaviourTest, HugeEventIsRefused) {
  EXPECT_THAT(Dispatch(MakeMisbehave("a", till::MISDEED_HUGE_EVENT)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("till.Received"), HasSubstr("bytes"))));
}

TEST_P(MisbehaviourTest, TooManyEventsAreRefused) {
  EXPECT_THAT(
      Dispatch(MakeMisbehave("a", till::MISDEED_MANY_EVENTS)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("10001 events")));
}

// protobuf would write such an event, and nobody could read the stream again.
TEST_P(MisbehaviourTest, EventWithBrokenTextIsRefused) {
  EXPECT_THAT(Dispatch(MakeMisbehave("a", till::MISDEED_BROKEN_TEXT)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("field note of till.Received")));
}

// Once written, each load of the stream would throw.
TEST_P(MisbehaviourTest, EventThatCannotBeEvolvedWithIsNotWritten) {
  const auto receipt = Dispatch(MakeMisbehave("a", till::MISDEED_CURSED_EVENT));
  EXPECT_THAT(receipt, StatusIs(absl::StatusCode::kInternal,
                                AllOf(HasSubstr("till.Cursed"),
                                      HasSubstr("should never have been"))));
}

TEST_P(MisbehaviourTest, StoredEventThatThrowsWhenEvolvedWithIsLocated) {
  AppendRaw("a", "till.Cursed", "");
  events_ = 2;
  const auto receipt = Dispatch(MakePayIn("a", 1));
  EXPECT_THAT(receipt,
              StatusIs(absl::StatusCode::kInternal,
                       AllOf(HasSubstr("till-a"), HasSubstr("version 2"))));
  EXPECT_TRUE(IsHandlerThrew(receipt.status()));
}

TEST_P(MisbehaviourTest, UnknownEventTypeIsLocated) {
  AppendRaw("a", "till.Shredded", "");
  events_ = 2;
  const std::string position = absl::StrCat("position ", Read("a")[1].position);
  EXPECT_THAT(
      Dispatch(MakePayIn("a", 1)),
      StatusIs(absl::StatusCode::kDataLoss,
               AllOf(HasSubstr("\"till-a\""), HasSubstr("version 2"),
                     HasSubstr(position), HasSubstr("\"till.Shredded\""))));
}

TEST_P(MisbehaviourTest, CorruptPayloadIsLocated) {
  AppendRaw("a", "till.Received", "\x08\xFF");
  events_ = 2;
  const auto corrupt =
      StatusIs(absl::StatusCode::kDataLoss,
               AllOf(HasSubstr("\"till-a\""), HasSubstr("version 2"),
                     HasSubstr("till.Received"), HasSubstr("till.PaidIn")));
  EXPECT_THAT(Dispatch(MakePayIn("a", 1)), corrupt);
  EXPECT_THAT(LoadAggregate<till::TillDecider>(store_, "a"), corrupt);
}

TEST_P(MisbehaviourTest, LoadOfMalformedIdIsRefused) {
  EXPECT_THAT(LoadAggregate<till::TillDecider>(store_, ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace stele
