#include "stele/outbox/in_memory_broker.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"

namespace stele {
namespace {

struct Delivery {
  absl::Time due;  // When it comes again if nobody settles it before.
};

// How far one group is with one topic.
struct Cursor {
  std::size_t next = 0;                       // The first never delivered.
  std::map<std::size_t, Delivery> unsettled;  // By index in the topic.
};

struct Topic {
  std::vector<BrokerMessage> messages;
  std::set<std::string> identities;
  std::map<std::string, Cursor> groups;
};

// Where a fetched message came from.
struct Origin {
  std::string topic;
  std::size_t index = 0;
};

struct State {
  InMemoryBrokerOptions options;
  Clock& clock;

  std::mutex mutex;
  std::condition_variable changed;
  bool is_reachable = true;
  std::map<std::string, Topic> topics;

  absl::Status CheckReachable() const {
    if (is_reachable) return absl::OkStatus();
    return absl::UnavailableError("the in-memory broker is set unreachable");
  }
};

// The broker's own copy of a message, as it would come off the wire.
BrokerMessage Received(const BrokerMessage& sent) {
  BrokerMessage message = sent;
  message.position = 0;
  return message;
}

class Publisher : public BrokerPublisher {
 public:
  explicit Publisher(std::shared_ptr<State> state) : state_(std::move(state)) {}

  PublishResult Publish(std::span<const BrokerMessage> batch) override {
    const std::lock_guard lock(state_->mutex);
    PublishResult result;
    result.status = state_->CheckReachable();
    if (!result.status.ok()) return result;
    for (const BrokerMessage& message : batch) {
      result.status = Take(message);
      if (!result.status.ok()) break;
      ++result.acknowledged;
    }
    state_->changed.notify_all();
    return result;
  }

 private:
  absl::Status Take(const BrokerMessage& message) {
    STELE_RETURN_IF_ERROR(ValidateTopic(message.topic));
    if (message.body.size() > state_->options.message_bytes_max)
      return absl::InvalidArgumentError(absl::StrCat(
          "message ", message.id, " is ", message.body.size(),
          " bytes, more than ", state_->options.message_bytes_max));
    Topic& topic = state_->topics[message.topic];
    const std::string identity = IdentityOf(message);
    if (!identity.empty() && !topic.identities.insert(identity).second)
      return absl::OkStatus();
    topic.messages.push_back(Received(message));
    return absl::OkStatus();
  }

  const std::shared_ptr<State> state_;
};

class GroupConsumer : public BrokerConsumer {
 public:
  GroupConsumer(std::shared_ptr<State> state, std::vector<std::string> topics,
                std::string group)
      : state_(std::move(state)),
        topics_(std::move(topics)),
        group_(std::move(group)) {}

  ~GroupConsumer() override {
    const std::lock_guard lock(state_->mutex);
    for (const std::optional<Origin>& origin : fetched_) {
      if (!origin.has_value()) continue;
      Cursor& cursor = state_->topics[origin->topic].groups[group_];
      const auto found = cursor.unsettled.find(origin->index);
      if (found != cursor.unsettled.end())
        found->second.due = absl::InfinitePast();
    }
    state_->changed.notify_all();
  }

  absl::StatusOr<std::vector<BrokerMessage>> Fetch(
      std::size_t limit, absl::Duration wait) override {
    const auto deadline =
        std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait);
    std::unique_lock lock(state_->mutex);
    fetched_.clear();
    std::vector<BrokerMessage> messages;
    while (true) {
      STELE_RETURN_IF_ERROR(state_->CheckReachable());
      for (const std::string& topic : topics_) Collect(topic, limit, messages);
      const auto now = std::chrono::steady_clock::now();
      if (!messages.empty() || now >= deadline) return messages;
      // Redeliveries fall due by a clock that wakes nobody: look now and then.
      state_->changed.wait_until(
          lock, std::min(deadline, now + std::chrono::milliseconds(5)));
    }
  }

  absl::Status Settle(std::size_t index, Disposition disposition,
                      absl::Duration delay) override {
    const std::lock_guard lock(state_->mutex);
    if (index >= fetched_.size() || !fetched_[index].has_value())
      return absl::InvalidArgumentError(absl::StrCat(
          "message ", index, " is not one of the last fetch, or is settled"));
    STELE_RETURN_IF_ERROR(state_->CheckReachable());
    const Origin origin = *std::exchange(fetched_[index], std::nullopt);
    Cursor& cursor = state_->topics[origin.topic].groups[group_];
    if (disposition == Disposition::kAck) {
      cursor.unsettled.erase(origin.index);
    } else if (cursor.unsettled.contains(origin.index)) {
      cursor.unsettled[origin.index].due = state_->clock.Now() + delay;
    }
    state_->changed.notify_all();
    return absl::OkStatus();
  }

 private:
  // Redelivered messages first, then new ones, in order.
  void Collect(const std::string& name, std::size_t limit,
               std::vector<BrokerMessage>& messages) {
    Topic& topic = state_->topics[name];
    Cursor& cursor = topic.groups[group_];
    const absl::Time now = state_->clock.Now();
    const absl::Time due = now + state_->options.ack_wait;
    for (auto& [index, delivery] : cursor.unsettled) {
      if (messages.size() == limit) return;
      if (delivery.due > now) continue;
      delivery.due = due;
      messages.push_back(topic.messages[index]);
      fetched_.push_back(Origin{name, index});
    }
    while (messages.size() < limit && cursor.next < topic.messages.size()) {
      cursor.unsettled[cursor.next] = Delivery{due};
      messages.push_back(topic.messages[cursor.next]);
      fetched_.push_back(Origin{name, cursor.next});
      ++cursor.next;
    }
  }

  const std::shared_ptr<State> state_;
  const std::vector<std::string> topics_;
  const std::string group_;
  std::vector<std::optional<Origin>> fetched_;  // Empty once settled.
};

class Memory : public InMemoryBroker {
 public:
  explicit Memory(InMemoryBrokerOptions options)
      : state_(
            new State{options,
                      options.clock == nullptr ? SystemClock() : *options.clock,
                      {},
                      {},
                      true,
                      {}}) {}

  std::string Describe() const override { return "the in-memory broker"; }

  absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() override {
    const std::lock_guard lock(state_->mutex);
    STELE_RETURN_IF_ERROR(state_->CheckReachable());
    return std::make_unique<Publisher>(state_);
  }

  absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics,
      const std::string& group) override {
    STELE_RETURN_IF_ERROR(ValidateGroup(group));
    if (topics.empty())
      return absl::InvalidArgumentError("a consumer needs at least one topic");
    for (const std::string& topic : topics)
      STELE_RETURN_IF_ERROR(ValidateTopic(topic));
    const std::lock_guard lock(state_->mutex);
    STELE_RETURN_IF_ERROR(state_->CheckReachable());
    return std::make_unique<GroupConsumer>(state_, topics, group);
  }

  void SetReachable(bool reachable) override {
    const std::lock_guard lock(state_->mutex);
    state_->is_reachable = reachable;
    state_->changed.notify_all();
  }

  std::vector<BrokerMessage> MessagesOf(const std::string& topic) override {
    const std::lock_guard lock(state_->mutex);
    return state_->topics[topic].messages;
  }

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<InMemoryBroker> MakeInMemoryBroker(
    InMemoryBrokerOptions options) {
  return std::make_unique<Memory>(options);
}

}  // namespace stele
