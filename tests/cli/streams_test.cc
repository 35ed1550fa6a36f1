#include "absl/strings/escaping.h"
#include "cli_fixture.h"
#include "tests/projections/bank_events.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class StreamsTest : public CliTest {
 protected:
  StreamsTest() { Migrate(); }
};

TEST_F(StreamsTest, ShowsTheEventsOfAStream) {
  const auto store = OpenStore();
  ASSERT_THAT(Append(*store, "ada", {Opened("Ada"), Paid(100), Took(30)}),
              IsOk());
  const Answer text = Stele({"streams", "show", "account-ada"});
  EXPECT_EQ(text.exit, 0);
  EXPECT_THAT(text.out, AllOf(HasSubstr("bank.AccountOpened"),
                              HasSubstr("bank.Deposited"),
                              HasSubstr("3 of 3 events of account-ada")));
  const Answer json =
      Json({"streams", "show", "account-ada", "--backwards", "--limit", "1"});
  EXPECT_EQ(json.exit, 0);
  EXPECT_EQ(At(json.Data(), "/version"), 3);
  EXPECT_EQ(At(json.Data(), "/events").as_array().size(), 1u);
  EXPECT_EQ(At(json.Data(), "/events/0/type"), "bank.Withdrawn");
  std::string payload;
  ASSERT_TRUE(absl::Base64Unescape(
      TextAt(json.Data(), "/events/0/payload_base64"), &payload));
  bank::Withdrawn withdrawn;
  EXPECT_TRUE(withdrawn.ParseFromString(payload));
  EXPECT_EQ(withdrawn.amount_cents(), 30);
}

TEST_F(StreamsTest, ShowsBytesThatAreNoMessage) {
  const auto store = OpenStore();
  ASSERT_THAT(Append(*store, "ada", {Corrupt()}), IsOk());
  EXPECT_EQ(Json({"streams", "show", "account-ada"}).exit, 0);
}

TEST_F(StreamsTest, SaysThatThereIsNoSuchStream) {
  const Answer text = Stele({"streams", "show", "account-nobody"});
  EXPECT_EQ(text.exit, 4);
  EXPECT_EQ(text.out, "");
  EXPECT_THAT(text.err, HasSubstr("account-nobody"));
  const Answer json = Json({"streams", "show", "account-nobody"});
  EXPECT_EQ(json.exit, 4);
  EXPECT_EQ(json.Json()["status"], "refused");
}

TEST_F(StreamsTest, RefusesWhatCannotBeAStream) {
  for (const std::string& id : std::vector<std::string>{
           std::string(""), std::string("noid"), std::string("account-\xff"),
           std::string("account-a\x1b[31mb"), std::string("-x"),
           "account-" + std::string(2000, 'x')}) {
    const Answer json = Json({"streams", "show", id});
    EXPECT_EQ(json.exit, 2) << json.out;
    const Answer text = Stele({"streams", "show", id});
    EXPECT_EQ(text.exit, 2);
    EXPECT_THAT(text.err, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text.err, Not(HasSubstr("\xff")));
  }
}

// A quote is a character like others: it finds nothing, and breaks nothing.
TEST_F(StreamsTest, TakesHostileNamesAsNames) {
  const auto store = OpenStore();
  const std::string id = "o'hara\"; DROP TABLE events; --";
  ASSERT_THAT(Append(*store, id, {Opened("O")}), IsOk());
  const Answer json = Json({"streams", "show", "account-" + id});
  EXPECT_EQ(json.exit, 0) << json.out;
  EXPECT_EQ(TextAt(json.Data(), "/stream"), "account-" + id);
}

}  // namespace
}  // namespace stele::testing
