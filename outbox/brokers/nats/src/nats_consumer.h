#ifndef STELE_OUTBOX_BROKERS_NATS_SRC_NATS_CONSUMER_H_
#define STELE_OUTBOX_BROKERS_NATS_SRC_NATS_CONSUMER_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "nats_link.h"
#include "stele/outbox/broker.h"
#include "stele/outbox/brokers/nats.h"

namespace stele::nats_internal {

// Pulls from one durable consumer a topic; all deliver to one inbox.
class NatsConsumer : public BrokerConsumer {
 public:
  // `options` must outlive it.
  NatsConsumer(const NatsOptions& options, std::vector<std::string> topics,
               std::string group);
  ~NatsConsumer() override;

  // Dials, and makes the durables that are not there yet.
  absl::Status Open();

  absl::StatusOr<std::vector<BrokerMessage>> Fetch(
      std::size_t limit, absl::Duration wait) override;
  absl::Status Settle(std::size_t index, Disposition disposition,
                      absl::Duration delay) override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  // A durable, and what we have asked of it and not been given yet.
  struct Durable {
    std::string topic;
    std::string name;
    std::size_t asked = 0;
    TimePoint expires = {};
  };

  absl::Status EnsureDurable(const Durable& durable, bool& has_unsettled);
  absl::Status AddDurable(const Durable& durable);
  absl::StatusOr<std::vector<BrokerMessage>> FetchUntil(std::size_t limit,
                                                        TimePoint deadline);
  absl::Status Ask(std::size_t limit, TimePoint deadline);
  // Sorts a received message into `messages`, or notes what it says.
  absl::Status Take(natsMsg& received, std::vector<BrokerMessage>& messages);
  absl::Status TakeNotice(const std::string& status, natsMsg& received);
  BrokerMessage Decode(natsMsg& received) const;
  void GiveBackAll();

  const NatsOptions& options_;
  const std::string group_;
  std::vector<Durable> durables_;
  std::unique_ptr<NatsLink> link_;  // Null = to be dialled.
  TimePoint hold_until_ = {};       // No pull before that.

  std::vector<std::string> replies_;  // Of the last fetch; empty = settled.
};

}  // namespace stele::nats_internal

#endif  // STELE_OUTBOX_BROKERS_NATS_SRC_NATS_CONSUMER_H_
