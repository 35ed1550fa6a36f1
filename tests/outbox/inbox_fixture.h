#ifndef STELE_TESTS_OUTBOX_INBOX_FIXTURE_H_
#define STELE_TESTS_OUTBOX_INBOX_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "stele/base/status.h"
#include "stele/eventstore/event_store.h"
#include "stele/outbox/in_memory_broker.h"
#include "stele/outbox/inbox.h"
#include "stele/testing/status_matchers.h"
#include "tests/outbox/support.h"

// What the suites of the inbox have in common.

namespace stele::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using MakeStore = std::unique_ptr<EventStore> (*)();

// A broker whose consumers forget acknowledgements while told to, and count
// what they were asked to settle.
class ForgetfulBroker : public Broker {
 public:
  explicit ForgetfulBroker(Broker& broker) : broker_(broker) {}

  std::string Describe() const override { return broker_.Describe(); }
  absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() override {
    return broker_.OpenPublisher();
  }
  absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics,
      const std::string& group) override {
    STELE_ASSIGN_OR_RETURN(std::unique_ptr<BrokerConsumer> consumer,
                           broker_.OpenConsumer(topics, group));
    return std::make_unique<Consumer>(*this, std::move(consumer));
  }

  std::atomic<int> acks_to_forget = 0;
  std::atomic<int> retried = 0;

 private:
  class Consumer : public BrokerConsumer {
   public:
    Consumer(ForgetfulBroker& owner, std::unique_ptr<BrokerConsumer> inner)
        : owner_(owner), inner_(std::move(inner)) {}
    absl::StatusOr<std::vector<BrokerMessage>> Fetch(
        std::size_t limit, absl::Duration wait) override {
      return inner_->Fetch(limit, wait);
    }
    absl::Status Settle(std::size_t index, Disposition disposition,
                        absl::Duration delay) override {
      if (disposition == Disposition::kRetry) ++owner_.retried;
      if (disposition == Disposition::kAck && owner_.acks_to_forget > 0) {
        --owner_.acks_to_forget;
        return absl::UnavailableError("lost on its way");
      }
      return inner_->Settle(index, disposition, delay);
    }

   private:
    ForgetfulBroker& owner_;
    const std::unique_ptr<BrokerConsumer> inner_;
  };

  Broker& broker_;
};

class InboxTest : public ::testing::TestWithParam<MakeStore> {
 protected:
  void SetUp() override {
    store_ = GetParam()();
    ASSERT_NE(store_, nullptr);
    storage_ = OpenInboxStorage(*store_).value();
  }

  void Publish(std::vector<BrokerMessage> messages) {
    const auto publisher = memory_->OpenPublisher().value();
    ASSERT_THAT(publisher->Publish(messages).status, IsOk());
  }

  InboxOptions Options() {
    InboxOptions options;
    options.name = "tests";
    options.topics = {"test"};
    options.retry = {absl::Milliseconds(1), absl::Milliseconds(5)};
    options.trouble = {absl::Milliseconds(1), absl::Milliseconds(20)};
    options.park_backoff = {absl::Milliseconds(20), absl::Milliseconds(50)};
    options.lease = absl::Seconds(2);
    options.storage = storage_;
    return options;
  }

  std::unique_ptr<Inbox> MakeInbox(InboxOptions options,
                                   const std::string& owner = "one") {
    return Inbox::Create(*store_, broker_, std::move(options), owner).value();
  }

  // An inbox whose handler writes down what happened, unless it is to fail.
  std::unique_ptr<Inbox> MakeJournalInbox(InboxOptions options) {
    std::unique_ptr<Inbox> inbox = MakeInbox(std::move(options));
    inbox->On<Happened>(
        [this](Transaction& tx, const Inbound<Happened>& event) {
          const std::string what = event->value();
          tx.OnCommit([this, what] { journal_.Add(what); });
          if (what == poison_value()) return absl::InternalError("poison");
          return absl::OkStatus();
        });
    return inbox;
  }

  std::string poison_value() {
    absl::MutexLock lock(&mutex_);
    return poison_;
  }
  void SetPoison(std::string what) {
    absl::MutexLock lock(&mutex_);
    poison_ = std::move(what);
  }

  std::vector<ParkedMessage> Parked() {
    return storage_->List("tests").value();
  }

  // True iff the broker has nothing more for the group.
  bool IsAllAcknowledged() {
    const auto consumer = memory_->OpenConsumer({"test"}, "tests").value();
    return consumer->Fetch(1, absl::Milliseconds(150)).value().empty();
  }

  std::unique_ptr<EventStore> store_;
  const std::unique_ptr<InMemoryBroker> memory_ =
      MakeInMemoryBroker({.ack_wait = absl::Milliseconds(100)});
  ForgetfulBroker broker_{*memory_};
  std::shared_ptr<InboxStorage> storage_;
  Journal journal_;

 private:
  absl::Mutex mutex_;
  std::string poison_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_OUTBOX_INBOX_FIXTURE_H_
