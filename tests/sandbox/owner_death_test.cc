// What is left of a sandbox when its owner dies.

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/supervised_process.h"
#include "stele/sandbox/user.h"

namespace stele::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPatience = absl::Seconds(60);

bool Eventually(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// A zombie is dead: only its parent's attention is missing.
bool IsAlive(pid_t pid) {
  const std::string status =
      Contents("/proc/" + std::to_string(pid) + "/status");
  return !status.empty() && status.find("State:\tZ") == std::string::npos;
}

// The watchdogs that were given one of `folders` as an argument.
std::vector<pid_t> WatchdogsOf(const std::vector<std::string>& folders) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    const std::string command =
        pid > 0 ? Contents(entry.path().string() + "/cmdline") : "";
    if (command.find("stele-watchdog") == std::string::npos) continue;
    for (const std::string& folder : folders) {
      if (command.find(folder) != std::string::npos) found.push_back(pid);
    }
  }
  return found;
}

// Runs sandbox_owner and knows what it made.
class OwnerDeathTest : public ::testing::Test {
 protected:
  void StartOwner(std::optional<User> user = std::nullopt) {
    auto folder = PrivateFolder::Create(user);
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_ = *std::move(folder);
    const std::string log = folder_->path() + "/log";
    // A copy, because the user may not be able to reach the original.
    const std::string program = folder_->path() + "/owner";
    fs::copy_file(OWNER_PROGRAM, program);
    fs::permissions(program, fs::perms(0755));
    ProcessOptions options{.argv = {program},
                           .env = {"TMPDIR=/tmp"},
                           .working_folder = "/",
                           .log_file = log};
    if (user && user->uid != geteuid()) options.run_as = user;
    auto owner = SupervisedProcess::Start(std::move(options));
    ASSERT_TRUE(owner.ok()) << owner.status();
    owner_ = *std::move(owner);
    ASSERT_TRUE(Eventually([&] {
      return !owner_->IsRunning() ||
             Contents(log).find("ready\n") != std::string::npos;
    }));
    ASSERT_TRUE(owner_->IsRunning()) << Contents(log);
    ReadReport(log);
  }

  void ReadReport(const std::string& log) {
    std::ifstream file(log);
    for (std::string what, value; file >> what && what != "ready";) {
      file >> value;
      if (what == "folder") folders_.push_back(value);
      if (what == "pid") pids_.push_back(std::stoi(value));
    }
    ASSERT_EQ(folders_.size(), 2U);
    ASSERT_EQ(pids_.size(), 3U);
    for (const pid_t pid : pids_) ASSERT_TRUE(IsAlive(pid));
    for (const std::string& folder : folders_) ASSERT_TRUE(fs::exists(folder));
  }

  bool NothingIsLeft() {
    for (const pid_t pid : pids_) {
      if (IsAlive(pid)) return false;
    }
    for (const std::string& folder : folders_) {
      if (fs::exists(folder)) return false;
    }
    return WatchdogsOf(folders_).empty();
  }

  std::unique_ptr<PrivateFolder> folder_;
  std::unique_ptr<SupervisedProcess> owner_;
  std::vector<std::string> folders_;
  std::vector<pid_t> pids_;
};

TEST_F(OwnerDeathTest, LeavesNothingAfterKill9) {
  ASSERT_NO_FATAL_FAILURE(StartOwner());
  owner_->Kill9();
  EXPECT_TRUE(Eventually([this] { return NothingIsLeft(); }));
}

TEST(OwnerDeathMidwayTest, LeavesNothingWhenKilledWhileItStarts) {
  std::string base = "/tmp/stele-midway-XXXXXX";
  ASSERT_NE(mkdtemp(base.data()), nullptr);
  fs::permissions(base, fs::perms(0711));  // A server's user must pass.
  // What it is about when it is killed is a matter of chance; that nothing is
  // left is not.
  for (int i = 0; i < 30; ++i) {
    auto owner = SupervisedProcess::Start(
        {.argv = {OWNER_PROGRAM}, .env = {"TMPDIR=" + base}});
    ASSERT_TRUE(owner.ok()) << owner.status();
    absl::SleepFor(absl::Milliseconds(2 * i));
    (*owner)->Kill9();
  }
  const auto is_clean = [&base] {
    for (const auto& entry : fs::directory_iterator(base)) {
      // A cluster kept as a template is meant to stay.
      const std::string name = entry.path().filename();
      if (!name.starts_with("stele-cluster-") || !name.ends_with(".tar"))
        return false;
    }
    return true;
  };
  EXPECT_TRUE(Eventually(is_clean)) << fs::directory_iterator(base)->path();
  fs::remove_all(base);
}

TEST_F(OwnerDeathTest, LeavesNothingAfterCtrlC) {
  ASSERT_NO_FATAL_FAILURE(StartOwner());
  kill(-owner_->pid(), SIGINT);  // As a terminal does: to the whole group.
  EXPECT_TRUE(Eventually([this] { return NothingIsLeft(); }));
}

TEST_F(OwnerDeathTest, LeavesWhatTheNextOneSweepsIfTheWatchdogsDieToo) {
  ASSERT_NO_FATAL_FAILURE(StartOwner());
  // sleep, which runs in no folder of ours, has a watchdog of its own.
  const std::vector<pid_t> watchdogs = WatchdogsOf(folders_);
  ASSERT_EQ(watchdogs.size(), 2U);
  for (const pid_t pid : watchdogs) kill(pid, SIGKILL);
  owner_->Kill9();
  ASSERT_TRUE(fs::exists(folders_[0]) && fs::exists(folders_[1]));
  setenv("TMPDIR", "/tmp", 1);
  EXPECT_GE(RemoveStaleSandboxes(), 2);
  EXPECT_TRUE(Eventually([this] { return NothingIsLeft(); }));
}

TEST(RemoveStaleSandboxesTest, LooksBesideTmpdirToo) {
  const auto elsewhere = PrivateFolder::Create();
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  // As left by a process whose server's user could not reach its TMPDIR.
  const std::string stale = "/tmp/stele-sandbox-" + std::to_string(getpid());
  fs::create_directory(stale);
  std::ofstream(stale + "/.owner") << "";
  setenv("TMPDIR", (*elsewhere)->path().c_str(), 1);
  EXPECT_GE(RemoveStaleSandboxes(), 1);
  EXPECT_FALSE(fs::exists(stale));
  setenv("TMPDIR", "/tmp", 1);
}

TEST(RemoveStaleSandboxesTest, TakesWhatWasNeverFinished) {
  setenv("TMPDIR", "/tmp", 1);
  const std::string suffix = std::to_string(getpid());
  const std::string old = "/tmp/stele-making-" + suffix + "-old";
  const std::string fresh = "/tmp/stele-making-" + suffix + "-new";
  for (const std::string& folder : {old, fresh}) {
    fs::create_directory(folder);
    std::ofstream(folder + "/.owner") << "";
  }
  fs::last_write_time(old,
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_GE(RemoveStaleSandboxes(), 1);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh)) << "it may be being made";
  fs::remove_all(fresh);
}

TEST_F(OwnerDeathTest, LeavesTheSandboxesOfTheLivingAlone) {
  ASSERT_NO_FATAL_FAILURE(StartOwner());
  setenv("TMPDIR", "/tmp", 1);
  RemoveStaleSandboxes();
  for (const pid_t pid : pids_) EXPECT_TRUE(IsAlive(pid));
  for (const std::string& folder : folders_) EXPECT_TRUE(fs::exists(folder));
}

TEST_F(OwnerDeathTest, IsTheSameForAnOrdinaryUser) {
  if (!IsRoot()) GTEST_SKIP() << "only root can be somebody else";
  const auto nobody = FindUser("nobody");
  ASSERT_TRUE(nobody.ok()) << nobody.status();
  ASSERT_NO_FATAL_FAILURE(StartOwner(*nobody));
  owner_->Kill9();
  EXPECT_TRUE(Eventually([this] { return NothingIsLeft(); }));
}

}  // namespace
}  // namespace stele::sandbox
