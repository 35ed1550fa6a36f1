#ifndef STELE_OUTBOX_SRC_RELAY_HANDLER_H_
#define STELE_OUTBOX_SRC_RELAY_HANDLER_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

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
  // `broker` must outlive it; `report_pending` is called between batches, and
  // after slots were won or lost.
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
  absl::StatusOr<std::vector<BrokerMessage>> Translate(
      std::span<const KeyedEvent> batch) const;
  absl::Status Connect();
  // Publishes all, going on behind what was acknowledged for as long as the
  // broker takes any.
  absl::Status Publish(std::span<const BrokerMessage> messages);

  Broker& broker_;
  const RelayRoutes routes_;
  const std::string source_;
  RelayInstruments instruments_;
  std::function<void()> report_pending_;

  std::unique_ptr<BrokerPublisher> publisher_;  // Null = not connected yet.
};

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_RELAY_HANDLER_H_
