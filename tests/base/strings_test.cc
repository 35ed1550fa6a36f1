#include "stele/base/strings.h"

#include <gtest/gtest.h>

#include <string>

namespace stele {
namespace {

TEST(IsValidUtf8Test, AcceptsTheEdgesOfEachLength) {
  for (const char* text :
       {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
        "Zürich 日本 🏦"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
  EXPECT_TRUE(IsValidUtf8(std::string_view("\0", 1)));
}

TEST(IsValidUtf8Test, RefusesWhatRfc3629Forbids) {
  for (const char* text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2 ", "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xE2\x82", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x90\x80", "\xFE", "\xFF",
        "a\xFFz"}) {
    EXPECT_FALSE(IsValidUtf8(text)) << Quoted(text);
  }
}

TEST(ToValidUtf8Test, ReplacesOnlyWhatIsBroken) {
  EXPECT_EQ(ToValidUtf8("Zürich"), "Zürich");
  EXPECT_EQ(ToValidUtf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(ToValidUtf8("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_TRUE(IsValidUtf8(ToValidUtf8("\xF0\x90\x80\xED\xA0\x80")));
}

TEST(QuotedTest, ShowsPlainTextAsItIs) {
  EXPECT_EQ(Quoted("account-ada"), "\"account-ada\"");
  EXPECT_EQ(Quoted("Zürich"), "\"Zürich\"");
  EXPECT_EQ(Quoted(""), "\"\"");
}

TEST(QuotedTest, EscapesWhatCouldMislead) {
  EXPECT_EQ(Quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quoted("a\nb\tc\r"), R"("a\nb\tc\r")");
  EXPECT_EQ(Quoted(std::string_view("a\0b", 3)), R"("a\x00b")");
  EXPECT_EQ(Quoted("a\xFF"), R"("a\xff")");
  EXPECT_EQ(Quoted("\x1B[2J\x7F"), R"("\x1b[2J\x7f")");
  EXPECT_EQ(Quoted("\xC2\x9B"), R"("\xc2\x9b")");
}

TEST(QuotedTest, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(Quoted(std::string(64, 'a')), "\"" + std::string(64, 'a') + "\"");
  EXPECT_EQ(Quoted(std::string(65, 'a')),
            "\"" + std::string(64, 'a') + "\"...");
  const std::string before(63, 'a');
  EXPECT_EQ(Quoted(before + "ü"), "\"" + before + "\"...");
}

}  // namespace
}  // namespace stele
