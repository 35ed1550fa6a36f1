#include "stele/sandbox/supervised_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "stele/sandbox/free_port.h"
#include "stele/sandbox/private_folder.h"

namespace stele::sandbox {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

std::unique_ptr<SupervisedProcess> StartOrNull(ProcessOptions options) {
  auto process = SupervisedProcess::Start(std::move(options));
  EXPECT_TRUE(process.ok()) << process.status();
  return process.ok() ? *std::move(process) : nullptr;
}

std::string Output(const std::string& script, ProcessOptions options = {}) {
  options.argv = {"sh", "-c", script};
  const auto output = RunProgram(std::move(options), kPatience);
  return output.ok() ? *output : output.status().ToString();
}

TEST(SupervisedProcessTest, TellsHowItEnded) {
  const auto seven = StartOrNull({.argv = {"sh", "-c", "exit 7"}});
  const auto killed = StartOrNull({.argv = {"sh", "-c", "kill -9 $$"}});
  ASSERT_TRUE(seven != nullptr && killed != nullptr);
  EXPECT_EQ(ToString(seven->Wait(kPatience).value()), "exited with code 7");
  EXPECT_EQ(ToString(killed->Wait(kPatience).value()),
            "was killed by signal 9");
  EXPECT_FALSE(seven->IsRunning());
  EXPECT_EQ(seven->Stop().code, 7);  // Ended already: nothing more happens.
}

TEST(SupervisedProcessTest, SaysThatThereIsNoSuchProgram) {
  EXPECT_EQ(
      SupervisedProcess::Start({.argv = {"no-such-program"}}).status().code(),
      absl::StatusCode::kNotFound);
  EXPECT_EQ(
      SupervisedProcess::Start({.argv = {"/no/such/program"}}).status().code(),
      absl::StatusCode::kNotFound);
  EXPECT_EQ(SupervisedProcess::Start({}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(SupervisedProcessTest, StillRunsWhenTheWaitIsOver) {
  const auto process = StartOrNull({.argv = {"sleep", "1000"}});
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(process->Wait(absl::Milliseconds(1)), std::nullopt);
  EXPECT_TRUE(process->IsRunning());
  EXPECT_EQ(process->Stop().signal, SIGTERM);
}

TEST(SupervisedProcessTest, IsKilledWhenItDoesNotStop) {
  const auto folder = PrivateFolder::Create();
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::string log = (*folder)->path() + "/log";
  const auto process = StartOrNull(
      {.argv = {"sh", "-c", "trap '' TERM; echo deaf; while :; do :; done"},
       .log_file = log,
       .stop_timeout = absl::Milliseconds(50)});
  ASSERT_NE(process, nullptr);
  while (std::filesystem::file_size(log) == 0) {
  }
  EXPECT_EQ(process->Stop().signal, SIGKILL);
}

TEST(SupervisedProcessTest, StopsEvenWhenItIsFrozen) {
  const auto process = StartOrNull({.argv = {"sleep", "1000"}});
  ASSERT_NE(process, nullptr);
  process->Signal(SIGSTOP);
  EXPECT_EQ(process->Stop().signal, SIGTERM);
}

TEST(SupervisedProcessTest, HasASessionOfItsOwnAndNoInput) {
  EXPECT_EQ(Output("read line || echo nothing to read"), "nothing to read\n");
  EXPECT_EQ(Output("[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leader"),
            "leader\n");
}

TEST(SupervisedProcessTest, InheritsNoFilesAndNoIgnoredSignals) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // Without close-on-exec.
  signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(Output("ls /proc/self/fd | wc -l"), "4\n");  // 0, 1, 2, ls's own.
  EXPECT_EQ(Output("sh -c 'kill -PIPE $$; echo survived'; echo $?"), "141\n");
  signal(SIGPIPE, SIG_DFL);
  close(ends[0]);
  close(ends[1]);
}

TEST(SupervisedProcessTest, RunsWithTheGivenEnvironmentAndFolder) {
  setenv("STELE_TEST_KEPT", "kept", 1);
  setenv("STELE_TEST_CHANGED", "old", 1);
  EXPECT_EQ(Output("echo $STELE_TEST_KEPT $STELE_TEST_CHANGED; pwd",
                   {.env = {"STELE_TEST_CHANGED=new"}, .working_folder = "/"}),
            "kept new\n/\n");
}

TEST(SupervisedProcessTest, DoesNotGetWhatIsUnwanted) {
  setenv("STELE_TEST_KEPT", "kept", 1);
  setenv("STELE_TEST_SECRET_1", "leaked", 1);
  setenv("STELE_TEST_SECRET_2", "leaked", 1);
  EXPECT_EQ(Output("echo $STELE_TEST_KEPT $STELE_TEST_SECRET_1 "
                   "$STELE_TEST_SECRET_2",
                   {.env = {"STELE_TEST_SECRET_2=given"},
                    .env_unwanted = {"STELE_TEST_SECRET_"}}),
            "kept given\n");
}

TEST(SupervisedProcessTest, DropsEveryRightOfRoot) {
  if (!IsRoot()) GTEST_SKIP() << "only root can be somebody else";
  const auto nobody = FindUser("nobody");
  ASSERT_TRUE(nobody.ok()) << nobody.status();
  const std::string groups =
      Output("id -u; id -g; id -G", {.working_folder = "/", .run_as = *nobody});
  const std::string gid = std::to_string(nobody->gid);
  EXPECT_EQ(groups,
            std::to_string(nobody->uid) + "\n" + gid + "\n" + gid + "\n");
}

TEST(SupervisedProcessTest, ReportsWhatAFailedProgramSaid) {
  const auto output = RunProgram(
      {.argv = {"sh", "-c", "echo the reason >&2; exit 3"}}, kPatience);
  EXPECT_EQ(output.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(output.status().message()),
              HasSubstr("exited with code 3:\nthe reason"));
}

TEST(SupervisedProcessTest, EndsAProgramThatTakesTooLong) {
  EXPECT_EQ(RunProgram({.argv = {"sleep", "1000"}}, absl::Milliseconds(10))
                .status()
                .code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(SupervisedProcessTest, OutlivesAForkedCopyOfItsOwner) {
  const auto folder = PrivateFolder::Create();
  ASSERT_TRUE(folder.ok()) << folder.status();
  auto process =
      StartOrNull({.argv = {"sleep", "1000"}, .folder = folder->get()});
  ASSERT_NE(process, nullptr);
  const pid_t copy = fork();
  if (copy == 0) {
    process.reset();
    folder->get()->~PrivateFolder();
    _exit(0);
  }
  waitpid(copy, nullptr, 0);
  EXPECT_TRUE(process->IsRunning());
  EXPECT_TRUE(std::filesystem::exists((*folder)->path()));
}

TEST(PrivateFolderTest, IsGoneWithItsObject) {
  auto folder = PrivateFolder::Create();
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::string path = (*folder)->path();
  std::filesystem::create_directories(path + "/a/b");
  std::ofstream(path + "/a/b/c") << "text";
  folder->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PrivateFolderTest, IsUnderTmpdirIfThatCanHoldASocket) {
  const auto outer = PrivateFolder::Create();
  ASSERT_TRUE(outer.ok()) << outer.status();
  setenv("TMPDIR", (*outer)->path().c_str(), 1);
  EXPECT_EQ(TemporaryFolder(), (*outer)->path());
  const std::string deep = (*outer)->path() + "/" + std::string(60, 'd');
  std::filesystem::create_directory(deep);
  setenv("TMPDIR", deep.c_str(), 1);
  EXPECT_EQ(TemporaryFolder(), "/tmp");
  const std::string list = (*outer)->path() + "/a,b";
  std::filesystem::create_directory(list);
  setenv("TMPDIR", list.c_str(), 1);
  EXPECT_EQ(TemporaryFolder(), "/tmp");
  setenv("TMPDIR", "relative", 1);
  EXPECT_EQ(TemporaryFolder(), "/tmp");
  unsetenv("TMPDIR");
}

TEST(FreePortTest, FindsPortsThatClientsDoNotTake) {
  for (int i = 0; i < 20; ++i) {
    const auto port = FreePort();
    ASSERT_TRUE(port.ok()) << port.status();
    EXPECT_GE(*port, 1024);
    EXPECT_LE(*port, 65535);
  }
}

}  // namespace
}  // namespace stele::sandbox
