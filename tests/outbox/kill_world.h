#ifndef STELE_TESTS_OUTBOX_KILL_WORLD_H_
#define STELE_TESTS_OUTBOX_KILL_WORLD_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stele/eventstore/event_store.h"
#include "stele/outbox/broker.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/private_nats.h"
#include "stele/sandbox/private_postgres.h"
#include "stele/sandbox/supervised_process.h"

namespace stele::testing {

// Keys in the order of their messages: "a-1" -> {"1", "2"}.
using Ledger = std::map<std::string, std::vector<std::string>>;

// A database, a broker, and relay and inbox as processes of their own, all of
// which can be killed. The servers serve the whole program; schema, stream and
// processes are the test's.
class KillWorld : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  // Appends events to a few streams in turn; they go into expected().
  void Append(int count);
  const Ledger& expected() const { return expected_; }

  // Starts a child; `fail_at` as in failpoints.h, empty = nowhere.
  std::unique_ptr<sandbox::SupervisedProcess> Start(
      const std::string& mode, const std::string& fail_at = "",
      const std::string& fail_how = "");

  // Waits until the child stands still at its failpoint; lets it go on.
  bool AwaitPaused(sandbox::SupervisedProcess& child);
  void LetGoOn();

  static void KillBroker();
  static void KillDatabase();

  // Reads all messages from the broker until each expected one came at least
  // once. What is left of the order without repetitions.
  Ledger ReadBroker();
  // What the inbox's handler did, repetitions and all, once it is complete.
  Ledger ReadEffects();

  // How often messages came again, over all keys, in ReadBroker().
  int repeated() const { return repeated_; }

 private:
  std::unique_ptr<Broker> MakeBroker() const;

  static std::unique_ptr<sandbox::PrivatePostgres> postgres_;
  static std::unique_ptr<sandbox::PrivateNats> nats_;

  std::string schema_;  // Also the name of the broker's stream.
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<sandbox::PrivateFolder> folder_;
  Ledger expected_;
  int appended_ = 0;
  int children_ = 0;
  int repeated_ = 0;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_OUTBOX_KILL_WORLD_H_
