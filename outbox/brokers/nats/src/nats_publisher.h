#ifndef STELE_OUTBOX_BROKERS_NATS_SRC_NATS_PUBLISHER_H_
#define STELE_OUTBOX_BROKERS_NATS_SRC_NATS_PUBLISHER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "nats_link.h"
#include "stele/outbox/broker.h"
#include "stele/outbox/brokers/nats.h"

namespace stele::nats_internal {

class NatsPublisher : public BrokerPublisher {
 public:
  // `options` must outlive it. `link` may be null: it dials at first use.
  NatsPublisher(const NatsOptions& options, std::unique_ptr<NatsLink> link)
      : options_(options), link_(std::move(link)) {}

  PublishResult Publish(std::span<const BrokerMessage> batch) override;

 private:
  const NatsOptions& options_;
  std::unique_ptr<NatsLink> link_;  // Null = to be dialled.
  std::uint64_t next_token_ = 1;    // Of all messages sent on any link.
};

}  // namespace stele::nats_internal

#endif  // STELE_OUTBOX_BROKERS_NATS_SRC_NATS_PUBLISHER_H_
