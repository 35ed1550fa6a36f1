#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>

#include "stele/sandbox/private_postgres.h"
#include "tests/eventstore/postgres_fixture.h"

// A real server on a file system of its own, which runs full.
namespace stele::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// A small file system that only this process and its children see, so that
// nothing of it is left behind however the test ends.
class SmallDisk {
 public:
  static constexpr char kPath[] = "/mnt";

  // Empty, or why there can be none here.
  static std::string Mount(std::size_t bytes) {
    if (geteuid() != 0) return "mounting a small file system needs root";
    const std::string options = "mode=755,size=" + std::to_string(bytes);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", kPath, "tmpfs", 0, options.c_str()) != 0) {
      return std::string("cannot mount a small file system here: ") +
             std::strerror(errno);
    }
    return "";
  }

  static void Fill() {
    const int fd = open(Filler().c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    ASSERT_GE(fd, 0) << std::strerror(errno);
    const std::string block(4096, 'x');
    while (write(fd, block.data(), block.size()) > 0) continue;
    EXPECT_EQ(errno, ENOSPC);
    close(fd);
    EXPECT_EQ(FreeBytes(), 0);
  }

  static void MakeRoom() { std::filesystem::remove(Filler()); }

  static std::int64_t FreeBytes() {
    struct statvfs info = {};
    EXPECT_EQ(statvfs(kPath, &info), 0);
    return static_cast<std::int64_t>(info.f_bavail * info.f_bsize);
  }

 private:
  static std::string Filler() { return std::string(kPath) + "/filler"; }
};

class DiskFullTest : public PostgresStoreTest {
 protected:
  static void SetUpTestSuite() {
    why_not_ = new std::string(SmallDisk::Mount(std::size_t{400} << 20));
  }
  static void TearDownTestSuite() {
    if (why_not_->empty()) umount2(SmallDisk::kPath, MNT_DETACH);
    delete why_not_;
  }

  void SetUp() override {
    if (!why_not_->empty()) GTEST_SKIP() << *why_not_;
    const char* before = std::getenv("TMPDIR");
    const std::string folder = before == nullptr ? "" : before;
    setenv("TMPDIR", SmallDisk::kPath, 1);
    auto server =
        sandbox::PrivatePostgres::Start({.settings = {{"max_wal_size", "64MB"},
                                                      {"min_wal_size", "32MB"},
                                                      {"autovacuum", "off"}}});
    if (before == nullptr) {
      unsetenv("TMPDIR");
    } else {
      setenv("TMPDIR", folder.c_str(), 1);
    }
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    PostgresStoreTest::SetUp();
  }

  void TearDown() override {
    CloseStore();
    server_.reset();
    if (why_not_->empty()) SmallDisk::MakeRoom();
  }

  std::string Dsn() override { return server_->dsn(); }
  sandbox::PrivatePostgres& server() { return *server_; }

  // Of bytes that do not shrink when compressed.
  AppendRequest BigRequest(const std::string& stream_id) {
    AppendRequest request = Request(stream_id);
    std::string payload(std::size_t{256} << 10, '\0');
    for (char& byte : payload) byte = static_cast<char>(random_());
    request.events[0].payload = payload;
    return request;
  }

  // How often each event is in the log.
  std::map<std::string, int> LogIds() {
    std::map<std::string, int> times;
    EXPECT_THAT(store().ReadLog({.limit = 100'000},
                                [&](const RecordedEvent& event) {
                                  ++times[event.id.ToString()];
                                  return absl::OkStatus();
                                }),
                IsOk());
    return times;
  }

  void Acknowledge(const AppendRequest& request) {
    for (const NewEvent& event : request.events) {
      acknowledged_[event.id.ToString()] = 1;
    }
  }
  const std::map<std::string, int>& acknowledged() { return acknowledged_; }

 private:
  static std::string* why_not_;
  std::unique_ptr<sandbox::PrivatePostgres> server_;
  std::mt19937 random_{20260711};
  std::map<std::string, int> acknowledged_;
};

std::string* DiskFullTest::why_not_ = nullptr;

TEST_F(DiskFullTest, IsSaidLeavesNothingAndPassesWhenThereIsRoom) {
  SmallDisk::Fill();
  AppendRequest request;
  absl::Status refused;
  for (int i = 0; i < 1000 && refused.ok(); ++i) {
    request = BigRequest("s-" + std::to_string(i % 3));
    refused = store().Append(request).status();
    if (refused.ok()) Acknowledge(request);
  }
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable,
                                HasSubstr("disk is full")));
  EXPECT_EQ(LogIds(), acknowledged()) << "reading needs no room";

  SmallDisk::MakeRoom();
  const auto again = store().Append(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->was_duplicate);
  Acknowledge(request);
  EXPECT_EQ(LogIds(), acknowledged());
}

// The server cannot write its log and goes down: whatever was acknowledged is
// there when it is back, and what was in doubt is settled by its ids.
TEST_F(DiskFullTest, OfTheServersLogLosesNothing) {
  for (int i = 0; i < 10; ++i) {
    const AppendRequest request = Request("s-" + std::to_string(i));
    ASSERT_THAT(store().Append(request), IsOk());
    Acknowledge(request);
  }
  SmallDisk::Fill();
  try {
    pqxx::connection connection(Dsn());
    pqxx::nontransaction tx(connection);
    for (int i = 0; i < 1000; ++i) {
      tx.exec("SELECT pg_logical_emit_message(false, '', repeat('x', 999999))");
    }
    ADD_FAILURE() << "the server never ran out of room";
  } catch (const pqxx::failure& error) {
    SCOPED_TRACE(error.what());
  }
  const AppendRequest request = Request("s-1");
  const absl::Status refused = store().Append(request).status();
  EXPECT_THAT(refused.code(),
              AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kUnknown,
                    absl::StatusCode::kDeadlineExceeded,
                    absl::StatusCode::kResourceExhausted))
      << refused;

  SmallDisk::MakeRoom();
  ASSERT_THAT(server().Restart(), IsOk());
  ASSERT_THAT(store().Append(request), IsOk());
  Acknowledge(request);
  EXPECT_EQ(LogIds(), acknowledged());
}

}  // namespace
}  // namespace stele::testing
