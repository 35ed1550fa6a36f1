#include "supervisor.h"

#include <atomic>
#include <stdexcept>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stele {
namespace {

constexpr BackoffOptions kFast = {absl::Milliseconds(1), absl::Milliseconds(2)};

void WaitForStop(std::stop_token stop) {
  absl::Notification stopping;
  std::stop_callback notify(stop, [&] { stopping.Notify(); });
  stopping.WaitForNotification();
}

TEST(SupervisorTest, StartsAFailedPartAgain) {
  Supervisor supervisor(NoMetrics(), kFast);
  std::atomic<int> runs = 0;
  absl::Notification third;
  supervisor.Add("part", [&](std::stop_token stop) -> absl::Status {
    if (++runs < 3) return absl::UnavailableError("not yet");
    third.Notify();
    WaitForStop(stop);
    return absl::OkStatus();
  });
  supervisor.Start();
  third.WaitForNotification();
  const PartStatus status = supervisor.Status().front();
  EXPECT_TRUE(status.is_running);
  EXPECT_EQ(status.restarts, 2);
  EXPECT_EQ(status.last_error.message(), "not yet");
  EXPECT_TRUE(supervisor.Stop(absl::Seconds(10)).ok());
}

TEST(SupervisorTest, APartThatThrowsHasFailed) {
  Supervisor supervisor(NoMetrics(), kFast);
  std::atomic<int> runs = 0;
  absl::Notification again;
  supervisor.Add("part", [&](std::stop_token stop) -> absl::Status {
    if (++runs == 1) throw std::runtime_error("broken");
    again.Notify();
    WaitForStop(stop);
    return absl::OkStatus();
  });
  supervisor.Start();
  again.WaitForNotification();
  const PartStatus status = supervisor.Status().front();
  EXPECT_EQ(status.restarts, 1);
  EXPECT_EQ(status.last_error.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.last_error.message(), "part threw: broken");
  EXPECT_TRUE(supervisor.Stop(absl::Seconds(10)).ok());
}

TEST(SupervisorTest, StopsAPartThatWaitsToRestart) {
  Supervisor supervisor(NoMetrics(), {absl::Hours(1), absl::Hours(2)});
  absl::Notification failed;
  supervisor.Add("part", [&](std::stop_token) -> absl::Status {
    failed.Notify();
    return absl::InternalError("broken");
  });
  supervisor.Start();
  failed.WaitForNotification();
  EXPECT_TRUE(supervisor.Stop(absl::Seconds(10)).ok());
}

TEST(SupervisorTest, NamesThePartsThatDoNotStopInTime) {
  absl::Notification release;
  absl::Notification at_work;
  Supervisor supervisor(NoMetrics(), kFast);
  supervisor.Add("willing", [](std::stop_token stop) -> absl::Status {
    WaitForStop(stop);
    return absl::OkStatus();
  });
  supervisor.Add("stubborn", [&](std::stop_token) -> absl::Status {
    at_work.Notify();
    release.WaitForNotification();
    return absl::OkStatus();
  });
  supervisor.Start();
  at_work.WaitForNotification();
  const absl::Status late = supervisor.Stop(absl::Milliseconds(20));
  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(late.message()), ::testing::HasSubstr("stubborn"));
  release.Notify();
  EXPECT_TRUE(supervisor.Stop(absl::Seconds(10)).ok());
}

}  // namespace
}  // namespace stele
