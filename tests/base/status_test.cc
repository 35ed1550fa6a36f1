#include "stele/base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "stele/base/invoke_user.h"
#include "stele/testing/status_matchers.h"

namespace stele {
namespace {

using ::stele::testing::IsOk;
using ::stele::testing::IsOkAndHolds;
using ::stele::testing::StatusIs;
using ::testing::HasSubstr;

TEST(StatusTest, ARejectionKeepsReasonAndMessage) {
  const absl::Status status = RejectedError("out_of_stock", "only 3 are left");
  EXPECT_TRUE(IsRejected(status));
  EXPECT_EQ(RejectionReason(status), "out_of_stock");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "only 3 are left"));
}

TEST(StatusTest, ARejectionWithoutMessageShowsItsReason) {
  EXPECT_EQ(RejectedError("not_open").message(), "not_open");
}

TEST(StatusTest, OtherFailedPreconditionsAreNoRejections) {
  const absl::Status status = absl::FailedPreconditionError("no schema");
  EXPECT_FALSE(IsRejected(status));
  EXPECT_EQ(RejectionReason(status), "");
  EXPECT_FALSE(IsRejected(absl::OkStatus()));
}

TEST(StatusTest, AConflictComesBackWhole) {
  const absl::Status status =
      VersionConflictError({"order-\n7\n", "exactly 3", 4});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is at version 4"));
  const std::optional<VersionConflict> conflict = GetVersionConflict(status);
  ASSERT_TRUE(conflict.has_value());
  EXPECT_EQ(conflict->stream_id, "order-\n7\n");
  EXPECT_EQ(conflict->expected, "exactly 3");
  EXPECT_EQ(conflict->actual, 4);
}

TEST(StatusTest, AForeignPayloadIsNoConflict) {
  absl::Status status = absl::AbortedError("deadlock");
  EXPECT_FALSE(GetVersionConflict(status).has_value());
  for (const char* payload : {"", "x\ny\nz", "12", "12\n"}) {
    status.SetPayload("stele.version_conflict", absl::Cord(payload));
    EXPECT_FALSE(GetVersionConflict(status).has_value()) << payload;
  }
}

TEST(StatusTest, OnlyTheMarkedUnknownIsInDoubt) {
  EXPECT_TRUE(IsInDoubt(InDoubtError("connection lost")));
  EXPECT_FALSE(IsInDoubt(absl::UnknownError("connection lost")));
  EXPECT_FALSE(IsInDoubt(absl::OkStatus()));
}

TEST(StatusTest, AnnotatingKeepsCodeAndPayloads) {
  const absl::Status status =
      Annotate(RejectedError("not_open", "it is closed"), "withdrawing");
  EXPECT_EQ(status.message(), "withdrawing: it is closed");
  EXPECT_EQ(RejectionReason(status), "not_open");
  EXPECT_THAT(Annotate(absl::OkStatus(), "anything"), IsOk());
}

absl::StatusOr<std::unique_ptr<int>> Five(bool works) {
  if (!works) return InDoubtError("lost");
  return std::make_unique<int>(5);
}

absl::StatusOr<int> Twice(bool works) {
  STELE_RETURN_IF_ERROR(absl::OkStatus());
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<int> five, Five(works));
  STELE_RETURN_IF_ERROR(Five(works));
  return *five * 2;
}

TEST(StatusTest, MacrosPassValuesAndErrorsOn) {
  EXPECT_THAT(Twice(true), IsOkAndHolds(10));
  EXPECT_TRUE(IsInDoubt(Twice(false).status()));
}

TEST(StatusTest, WhatPassesByItselfIsTransient) {
  EXPECT_TRUE(IsTransient(absl::UnavailableError("")));
  EXPECT_TRUE(IsTransient(absl::DeadlineExceededError("")));
  EXPECT_TRUE(IsTransient(absl::ResourceExhaustedError("")));
  EXPECT_TRUE(IsTransient(VersionConflictError({"till-a", "exactly 3", 4})));
  EXPECT_TRUE(IsTransient(InDoubtError("")));
  EXPECT_FALSE(IsTransient(absl::OkStatus()));
  EXPECT_FALSE(IsTransient(absl::CancelledError("")));
  EXPECT_FALSE(IsTransient(absl::DataLossError("")));
  EXPECT_FALSE(IsTransient(RejectedError("closed")));
}

TEST(InvokeUserTest, PassesResultsThrough) {
  EXPECT_THAT(InvokeUser("H", [] { return absl::OkStatus(); }), IsOk());
  EXPECT_THAT(InvokeUser("H", [] { return absl::StatusOr<int>(7); }),
              IsOkAndHolds(7));
}

TEST(InvokeUserTest, ExceptionsBecomeInternalErrorsWithTheHandlersName) {
  const absl::Status status = InvokeUser(
      "Balances", []() -> absl::Status { throw std::runtime_error("boom"); });
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInternal, "Balances threw: boom"));
  EXPECT_TRUE(IsHandlerThrew(status));
  const absl::Status odd =
      InvokeUser("Balances", []() -> absl::Status { throw 7; });
  EXPECT_TRUE(IsHandlerThrew(odd));
}

}  // namespace
}  // namespace stele
