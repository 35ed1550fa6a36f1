#include "problems.h"

#include "gtest/gtest.h"
#include "stele/testing/status_matchers.h"

namespace stele::testing {
namespace {

TEST(ProblemsTest, NoneIsOk) {
  Problems problems;
  problems.Note("saga A", absl::OkStatus());
  EXPECT_THAT(problems.Summary(), IsOk());
}

TEST(ProblemsTest, KeepsTheCodeThatAllShare) {
  Problems problems;
  problems.Note("saga A", absl::UnavailableError("away"));
  problems.Note("saga B", absl::UnavailableError("also\naway"));
  EXPECT_THAT(problems.Summary(),
              StatusIs(absl::StatusCode::kUnavailable,
                       "saga A: away\nsaga B: also\nsaga B: away"));
}

TEST(ProblemsTest, ProblemsOfSeveralKindsAreARefusal) {
  Problems problems;
  problems.Note("a", absl::UnavailableError("x"));
  problems.Note("b", absl::InvalidArgumentError("y"));
  problems.Note("c", absl::InvalidArgumentError("z"));
  EXPECT_THAT(problems.Summary(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::HasSubstr("b: y")));
}

}  // namespace
}  // namespace stele::testing
