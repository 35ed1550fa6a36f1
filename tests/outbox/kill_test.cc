// Relay, inbox, broker and database are killed at every step between the commit
// of an event and its effect at the other end (P6).

#include <random>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/outbox/kill_world.h"

namespace stele::testing {
namespace {

// Where the process stands, and who is killed then.
using Step = std::tuple<std::string, std::string>;

std::string NameOf(const ::testing::TestParamInfo<Step>& info) {
  return absl::StrCat(std::get<1>(info.param), "_at_", std::get<0>(info.param));
}

class KillTest : public KillWorld, public ::testing::WithParamInterface<Step> {
 protected:
  // Runs `mode` into the step and past it; returns the process that is at work
  // in the end.
  std::unique_ptr<sandbox::SupervisedProcess> RunInto(const std::string& mode,
                                                      int times) {
    const auto& [point, victim] = GetParam();
    const bool dies = victim == "process";
    auto child =
        Start(mode, absl::StrCat(point, ":", times), dies ? "die" : "pause");
    if (dies) {
      const auto ended = child->Wait(absl::Seconds(30));
      EXPECT_TRUE(ended.has_value() && ended->signal == SIGKILL);
      return Start(mode);
    }
    EXPECT_TRUE(AwaitPaused(*child));
    if (victim == "broker") KillBroker();
    if (victim == "database") KillDatabase();
    LetGoOn();
    return child;
  }
};

class RelayKillTest : public KillTest {};

TEST_P(RelayKillTest, LosesNothingAndKeepsOrder) {
  Append(100);
  const auto relay = RunInto("relay", 3);
  Append(50);

  EXPECT_EQ(ReadBroker(), expected());
  EXPECT_TRUE(relay->IsRunning());
  EXPECT_TRUE(relay->Stop().ok());
}

INSTANTIATE_TEST_SUITE_P(
    Steps, RelayKillTest,
    ::testing::Combine(::testing::Values("read", "amid", "acked", "in_commit",
                                         "committed"),
                       ::testing::Values("process", "broker", "database")),
    NameOf);

class InboxKillTest : public KillTest {};

TEST_P(InboxKillTest, HasEachEffectOnceAndInOrder) {
  Append(100);
  const auto relay = Start("relay");
  const auto inbox = RunInto("inbox", 5);
  Append(50);

  EXPECT_EQ(ReadEffects(), expected());
  EXPECT_TRUE(inbox->IsRunning());
  EXPECT_TRUE(inbox->Stop().ok());
  EXPECT_EQ(ReadEffects(), expected());
}

INSTANTIATE_TEST_SUITE_P(
    Steps, InboxKillTest,
    ::testing::Combine(::testing::Values("fetched", "in_commit", "committed",
                                         "handled", "settled"),
                       ::testing::Values("process", "broker", "database")),
    NameOf);

class ChaosTest : public KillWorld {};

TEST_F(ChaosTest, EverythingDiesAtRandom) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  auto relay = Start("relay");
  auto second_relay = Start("relay");
  auto inbox = Start("inbox");
  for (int round = 0; round < 12; ++round) {
    Append(20 + static_cast<int>(random() % 80));
    switch (random() % 5) {
      case 0:
        relay->Kill9();
        relay = Start("relay");
        break;
      case 1:
        second_relay->Kill9();
        second_relay = Start("relay");
        break;
      case 2:
        inbox->Kill9();
        inbox = Start("inbox");
        break;
      case 3:
        KillBroker();
        break;
      default:
        KillDatabase();
        break;
    }
  }
  EXPECT_EQ(ReadBroker(), expected());
  EXPECT_EQ(ReadEffects(), expected());
  EXPECT_TRUE(relay->Stop().ok());
  EXPECT_TRUE(second_relay->Stop().ok());
  EXPECT_TRUE(inbox->Stop().ok());
  EXPECT_EQ(ReadEffects(), expected());
}

}  // namespace
}  // namespace stele::testing
