#include "stele/base/trace.h"

#include <gtest/gtest.h>

#include <string>

#include "stele/base/check.h"

namespace stele {
namespace {

constexpr char kParent[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

TEST(TraceparentTest, ANewOneIsValidAndSampled) {
  const std::string one = NewTraceparent();
  EXPECT_TRUE(IsValidTraceparent(one)) << one;
  EXPECT_EQ(one.substr(53), "01");
  EXPECT_NE(one, NewTraceparent());
}

TEST(TraceparentTest, AChildStaysInTheTraceAndKeepsTheDecisionToSample) {
  const std::string child = ChildTraceparent(kParent);
  EXPECT_TRUE(IsValidTraceparent(child)) << child;
  EXPECT_EQ(child.substr(0, 36), std::string(kParent).substr(0, 36));
  EXPECT_NE(child.substr(36, 16), std::string(kParent).substr(36, 16));
  EXPECT_EQ(child.substr(53), "00");
  EXPECT_EQ(ChildTraceparent(NewTraceparent()).substr(53), "01");
}

TEST(TraceparentTest, NobodysChildBeginsATrace) {
  EXPECT_TRUE(IsValidTraceparent(ChildTraceparent("")));
  EXPECT_TRUE(IsValidTraceparent(ChildTraceparent("rubbish")));
}

TEST(TraceparentTest, OtherTextIsRefused) {
  for (const char* text :
       {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-00",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-x",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g"}) {
    EXPECT_FALSE(IsValidTraceparent(text)) << text;
  }
}

TEST(TraceparentTest, LaterVersionsMayAddFields) {
  EXPECT_TRUE(IsValidTraceparent(
      "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more"));
}

TEST(CheckDeathTest, NamesTheConditionAndThePlace) {
  STELE_CHECK(1 + 1 == 2);
  EXPECT_DEATH(STELE_CHECK(1 + 1 == 3),
               "trace_test.cc:.*check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace stele
