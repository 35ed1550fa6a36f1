#ifndef STELE_OUTBOX_SRC_RELAY_HANDLER_H_
#define STELE_OUTBOX_SRC_RELAY_HANDLER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/consumer.h"
#include "stele/outbox/broker.h"
#include "stele/outbox/relay_routes.h"

namespace stele::outbox_internal {

struct RelayInstruments {
  RelayInstruments(Metrics& metrics, const std::string& relay);
  Counter& published;
  Counter& errors;
  Histogram& publish_seconds;
  Gauge& pending;
};

// Publishes batches of the log and commits the checkpoint after the broker has
// acknowledged them.
//
// Not thread-safe: one thread at a time.
class RelayHandler : public BatchHandler {
 public:
  // `broker` must outlive it; `report_pending` is called between batches.
  RelayHandler(Broker& broker, RelayRoutes routes, std::string source,
               RelayInstruments instruments,
               std::function<void()> report_pending);

  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override;
  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override;
  void OnLeasesChanged() override;
  absl::Status OnTick(std::span<const int> slots) override;

 private:
  // Translates what has not been acknowledged yet.
  absl::StatusOr<std::vector<BrokerMessage>> Unacknowledged(
      std::span<const KeyedEvent> batch) const;
  absl::Status Publish(std::span<const BrokerMessage> messages);

  Broker& broker_;
  const RelayRoutes routes_;
  const std::string source_;
  RelayInstruments instruments_;
  std::function<void()> report_pending_;

  std::unique_ptr<BrokerPublisher> publisher_;  // Null = not connected yet.
  // Positions the broker has and the checkpoint does not cover yet: a batch
  // that is tried again goes on behind them.
  absl::flat_hash_set<std::int64_t> acknowledged_;
};

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_RELAY_HANDLER_H_
