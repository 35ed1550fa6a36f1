#include "input/order_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace orders {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kGood[] =
    R"({"order_id": "A-000017", "customer_id": "C-201",)"
    R"( "lines": [{"sku": "MUG-BLUE", "quantity": 2,)"
    R"( "unit_price_cents": 1250}],)"
    R"( "total_cents": 2500, "payment_token": "tok_visa"})";

// The good line with one thing in it changed.
std::string With(const std::string& what, const std::string& instead) {
  std::string line = absl::StrReplaceAll(kGood, {{what, instead}});
  EXPECT_NE(line, kGood) << what;
  return line;
}

std::string Fault(const std::string& line) {
  const auto order = ParseOrder(line);
  if (order.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(order.status()));
  return std::string(order.status().message());
}

absl::StatusOr<OrderFile> Read(const std::string& text,
                               BadLines bad_lines = BadLines::kSkip) {
  std::istringstream in(text);
  return ReadOrders(in, bad_lines);
}

TEST(ParseOrderTest, TakesWhatAnOrderIs) {
  const auto order = ParseOrder(kGood);
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->order_id, "A-000017");
  EXPECT_EQ(order->customer_id, "C-201");
  ASSERT_EQ(order->lines.size(), 1u);
  EXPECT_EQ(order->lines[0].sku, "MUG-BLUE");
  EXPECT_EQ(order->lines[0].quantity, 2);
  EXPECT_EQ(order->lines[0].unit_price_cents, 1250);
  EXPECT_EQ(order->total_cents, 2500);
  EXPECT_EQ(order->payment_token, "tok_visa");
}

TEST(ParseOrderTest, IsUndoneByFormatOrder) {
  const auto order = ParseOrder(kGood);
  ASSERT_TRUE(order.ok());
  const std::string line = FormatOrder(*order);
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  const auto again = ParseOrder(line);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(FormatOrder(*again), line);
}

TEST(ParseOrderTest, LeavesToTheRulesWhatIsTheirs) {
  EXPECT_EQ(Fault(With("\"quantity\": 2", "\"quantity\": -2")), "");
  EXPECT_EQ(Fault(With("2500", "9223372036854775807")), "");
  EXPECT_EQ(Fault(With("A-000017", "Bestellung-Ä-七")), "");
}

TEST(ParseOrderTest, RefusesWhatIsNoJson) {
  EXPECT_THAT(Fault("order A-17, two blue mugs"), HasSubstr("not JSON"));
  EXPECT_THAT(Fault(std::string(kGood).substr(0, 40)), HasSubstr("not JSON"));
  EXPECT_THAT(Fault(absl::StrCat(kGood, " ", kGood)), HasSubstr("not JSON"));
  EXPECT_THAT(Fault(std::string("{\0}", 3)), HasSubstr("not JSON"));
}

TEST(ParseOrderTest, RefusesBrokenUtf8) {
  EXPECT_THAT(Fault(With("C-201", "C-\xC3\x28")), HasSubstr("not JSON"));
  EXPECT_THAT(Fault(With("C-201", "C-\xFF")), HasSubstr("not JSON"));
  EXPECT_THAT(Fault(With("C-201", R"(\ud800)")), HasSubstr("not JSON"));
}

TEST(ParseOrderTest, RefusesOtherJson) {
  EXPECT_THAT(Fault("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Fault("17"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Fault("null"), HasSubstr("not a JSON object"));
}

TEST(ParseOrderTest, RefusesDeepNestingBeforeItCosts) {
  const std::string deep(30'000, '[');
  EXPECT_THAT(Fault(deep), AllOf(HasSubstr("not JSON"), HasSubstr("deep")));
}

TEST(ParseOrderTest, RefusesALineThatIsTooLong) {
  const std::string line = With("C-201", std::string(kMaxLineBytes, 'C'));
  EXPECT_THAT(Fault(line), HasSubstr("longer than 65536 bytes"));
}

TEST(ParseOrderTest, NamesTheMemberThatIsMissing) {
  EXPECT_EQ(Fault(With(R"("order_id": "A-000017", )", "")),
            "member \"order_id\" is missing");
  EXPECT_EQ(Fault(With(R"("customer_id": "C-201", )", "")),
            "member \"customer_id\" is missing");
  EXPECT_EQ(Fault(With(R"("total_cents": 2500, )", "")),
            "member \"total_cents\" is missing");
  EXPECT_EQ(Fault(With(R"(, "payment_token": "tok_visa")", "")),
            "member \"payment_token\" is missing");
  EXPECT_EQ(Fault(With(R"("sku": "MUG-BLUE", )", "")),
            "member \"sku\" is missing");
  EXPECT_EQ(Fault(With(R"("quantity": 2, )", "")),
            "member \"quantity\" is missing");
  EXPECT_EQ(Fault(With(R"(, "unit_price_cents": 1250)", "")),
            "member \"unit_price_cents\" is missing");
  EXPECT_EQ(Fault(R"({"order_id": "a", "customer_id": "b"})"),
            "member \"lines\" is missing");
}

TEST(ParseOrderTest, NamesTheMemberThatIsUnknown) {
  EXPECT_THAT(Fault(With("{\"order_id\"", "{\"coupon\": 1, \"order_id\"")),
              HasSubstr("member \"coupon\" is unknown; there are"));
  EXPECT_THAT(Fault(With("{\"sku\"", "{\"colour\": \"blue\", \"sku\"")),
              HasSubstr("member \"colour\" is unknown; there are"));
}

TEST(ParseOrderTest, NamesTheMemberOfAnotherKind) {
  EXPECT_EQ(Fault(With("\"A-000017\"", "17")),
            "member \"order_id\" is not a string");
  EXPECT_EQ(Fault(With("\"C-201\"", "null")),
            "member \"customer_id\" is not a string");
  EXPECT_EQ(Fault(With("\"quantity\": 2", "\"quantity\": \"2\"")),
            "member \"quantity\" is not a number");
  EXPECT_EQ(Fault(R"({"order_id": "a", "customer_id": "b", "lines": {},)"
                  R"( "total_cents": 0, "payment_token": "c"})"),
            "member \"lines\" is not an array");
  EXPECT_EQ(Fault(R"({"order_id": "a", "customer_id": "b", "lines": ["x"],)"
                  R"( "total_cents": 0, "payment_token": "c"})"),
            "member \"lines\" has an entry that is no object");
}

TEST(ParseOrderTest, NamesTheMemberThatIsGivenTwice) {
  EXPECT_EQ(Fault(With("2500,", R"(2500, "total_cents": 2400,)")),
            "member \"total_cents\" is given twice");
  EXPECT_EQ(Fault(With("2500,", R"(2500, "tot\u0061l_cents": 2500,)")),
            "member \"total_cents\" is given twice");
  EXPECT_EQ(Fault(With("1250}", R"(1250, "sku": "MUG-BLUE"})")),
            "member \"sku\" is given twice");
  // In objects of their own, and in texts.
  EXPECT_EQ(Fault(With("1250}", R"(1250},
      {"sku": "\"sku\": 1", "quantity": 1, "unit_price_cents": 0})")),
            "");
}

TEST(ParseOrderTest, RefusesNumbersThatAreNoWholeOnes) {
  const std::string no_whole =
      "member \"total_cents\" is no whole number of 64 bits";
  EXPECT_EQ(Fault(With("2500", "2500.5")), no_whole);
  EXPECT_EQ(Fault(With("2500", "9223372036854775808")), no_whole);
  EXPECT_EQ(Fault(With("2500", "-9223372036854775809")), no_whole);
  EXPECT_EQ(Fault(With("2500", "1e300")), no_whole);
  EXPECT_EQ(Fault(With("2500", "true")),
            "member \"total_cents\" is not a number");
}

TEST(ParseOrderTest, RefusesTextThatCannotNameAnything) {
  EXPECT_EQ(Fault(With("A-000017", "")), "member \"order_id\" is empty");
  EXPECT_EQ(Fault(With("A-000017", std::string(201, 'A'))),
            "member \"order_id\" is longer than 200 bytes");
  EXPECT_EQ(Fault(With("A-000017", R"(A\u0000B)")),
            "member \"order_id\" has control characters");
  EXPECT_EQ(Fault(With("MUG-BLUE", R"(MUG\nBLUE)")),
            "member \"sku\" has control characters");
  EXPECT_EQ(Fault(With("tok_visa", "tok\xC2\x85")),
            "member \"payment_token\" has control characters");
}

TEST(ReadOrdersTest, ReportsBadLinesByNumberAndSkipsThem) {
  const auto file = Read(
      absl::StrCat(kGood, "\n\n", "nonsense\n", kGood, "\r\n  \n{}\n", kGood));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->orders.size(), 3u);
  EXPECT_THAT(file->bad_lines, ElementsAre(Field(&BadLine::number, 3),
                                           Field(&BadLine::number, 6)));
}

TEST(ReadOrdersTest, GoesOnBehindAnOverlongLine) {
  const auto file = Read(absl::StrCat(std::string(1'000'000, 'x'), "\n", kGood,
                                      "\n", std::string(70'000, '\0')));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->orders.size(), 1u);
  EXPECT_THAT(file->bad_lines,
              ElementsAre(AllOf(Field(&BadLine::number, 1),
                                Field(&BadLine::what, HasSubstr("longer"))),
                          Field(&BadLine::number, 3)));
}

TEST(ReadOrdersTest, RefusesAllAndNamesTheFirstBadLines) {
  std::string text = absl::StrCat(kGood, "\n");
  for (int i = 0; i < 25; ++i) text += "nonsense\n";
  const auto file = Read(text, BadLines::kRefuse);
  ASSERT_TRUE(absl::IsInvalidArgument(file.status())) << file.status();
  EXPECT_THAT(std::string(file.status().message()),
              AllOf(HasSubstr("25 bad lines:\n  line 2: not JSON"),
                    HasSubstr("line 21:"), HasSubstr("\n  ..."),
                    Not(HasSubstr("line 22:"))));
}

TEST(ReadOrdersTest, RefusesNothingWhenAllIsWell) {
  const auto file = Read(absl::StrCat(kGood, "\n"), BadLines::kRefuse);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->orders.size(), 1u);
}

TEST(ReadOrdersTest, TakesAFileFromAnEditorThatMarksUtf8) {
  const auto file = Read(absl::StrCat("\xEF\xBB\xBF", kGood, "\n"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->orders.size(), 1u);
  EXPECT_THAT(file->bad_lines, IsEmpty());
}

TEST(ReadOrdersTest, AnEmptyInputHasNoOrders) {
  const auto file = Read("");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->orders, IsEmpty());
}

TEST(ReadOrderFileTest, SaysWhyAFileCannotBeRead) {
  const std::string folder = ::testing::TempDir();
  EXPECT_THAT(
      std::string(ReadOrderFile(folder + "/no-such-file", BadLines::kSkip)
                      .status()
                      .message()),
      AllOf(HasSubstr("no-such-file"), HasSubstr("No such file")));
  const auto of_folder = ReadOrderFile(folder, BadLines::kSkip);
  EXPECT_THAT(std::string(of_folder.status().message()),
              AllOf(HasSubstr("cannot be read"), HasSubstr("directory")));
}

}  // namespace
}  // namespace orders
