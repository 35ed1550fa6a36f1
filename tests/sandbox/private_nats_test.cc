#include "stele/sandbox/private_nats.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "stele/sandbox/private_folder.h"

namespace stele::sandbox {
namespace {

std::unique_ptr<PrivateNats> StartServer() {
  auto server = PrivateNats::Start();
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

TEST(PrivateNatsTest, GoesUpAgainInTheSamePlace) {
  const auto server = StartServer();
  ASSERT_NE(server, nullptr);
  const std::string url = server->url();
  using Way = absl::Status (PrivateNats::*)();
  for (const Way way : {&PrivateNats::Stop, &PrivateNats::Kill9}) {
    const pid_t before = server->pid();
    ASSERT_TRUE(((*server).*way)().ok());
    EXPECT_EQ(server->pid(), 0);
    EXPECT_EQ(kill(before, 0), -1);
    const absl::Status restarted = server->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    EXPECT_EQ(server->url(), url);
    EXPECT_NE(server->pid(), before);
  }
}

TEST(PrivateNatsTest, HasJetStream) {
  const auto server = StartServer();
  ASSERT_NE(server, nullptr);
  EXPECT_TRUE(std::filesystem::exists(server->folder() + "/store/jetstream"));
}

TEST(PrivateNatsTest, StartsInAFolderOfAnyName) {
  const auto outer = PrivateFolder::Create();
  ASSERT_TRUE(outer.ok()) << outer.status();
  const std::string odd = (*outer)->path() + R"(/a "b" \c 'd' é)";
  std::filesystem::create_directory(odd);
  setenv("TMPDIR", odd.c_str(), 1);
  const auto server = StartServer();
  unsetenv("TMPDIR");
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(server->folder().find(odd), 0u);
  EXPECT_TRUE(std::filesystem::exists(server->folder() + "/store/jetstream"));
}

TEST(PrivateNatsTest, IsGoneWithItsObject) {
  auto server = StartServer();
  ASSERT_NE(server, nullptr);
  const std::string folder = server->folder();
  const pid_t pid = server->pid();
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(PrivateNatsTest, ManyCanStartAtOnce) {
  std::vector<std::unique_ptr<PrivateNats>> servers(6);
  std::vector<std::thread> threads;
  for (auto& server : servers) {
    threads.emplace_back([&server] { server = StartServer(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& server : servers) EXPECT_NE(server, nullptr);
}

}  // namespace
}  // namespace stele::sandbox
