#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/outbox/cloud_event.h"
#include "stele/outbox/relay.h"

namespace stele {
namespace {

absl::Status Validate(const RelayRoutes& routes,
                      const RelayRangeOptions& options) {
  if (options.source.empty())
    return absl::InvalidArgumentError(
        "RelayRangeOptions.source must name the service that relays");
  if (options.from_position < 1 || options.to_position < 0)
    return absl::InvalidArgumentError(
        absl::StrCat("no range of the log: from ", options.from_position,
                     " to ", options.to_position));
  if (options.batch_events_max < 1)
    return absl::InvalidArgumentError("batch_events_max must be at least 1");
  return routes.Validate();
}

// One pass over a range of the log.
class RangeRelay {
 public:
  RangeRelay(EventStore& store, BrokerPublisher& publisher,
             const RelayRoutes& routes, const RelayRangeOptions& options,
             std::int64_t last)
      : store_(store),
        publisher_(publisher),
        routes_(routes),
        options_(options),
        last_(last) {
    report_.position = options.from_position - 1;
  }

  absl::StatusOr<RelayRangeReport> Run() {
    while (report_.position < last_) {
      if (absl::Status step = Step(); !step.ok())
        return Annotate(step, absl::StrCat("relayed again up to position ",
                                           report_.position, ", then"));
    }
    return report_;
  }

 private:
  absl::Status Step() {
    std::vector<BrokerMessage> batch;
    ReadLogRequest read;
    read.after_position = report_.position;
    read.limit = options_.batch_events_max;
    read.types = routes_.types();
    STELE_ASSIGN_OR_RETURN(
        const LogProgress progress,
        store_.ReadLog(read, [&](RecordedEvent event) -> absl::Status {
          const std::string* topic = routes_.TopicOf(event.type);
          if (event.position > last_ || topic == nullptr)
            return absl::OkStatus();
          STELE_ASSIGN_OR_RETURN(
              BrokerMessage message,
              ToBrokerMessage(event, *topic, options_.source));
          batch.push_back(std::move(message));
          return absl::OkStatus();
        }));
    STELE_RETURN_IF_ERROR(Publish(batch));
    report_.position = std::min(progress.position, last_);
    if (progress.at_head) report_.position = last_;
    if (options_.progress == nullptr) return absl::OkStatus();
    return options_.progress(report_.position, report_.messages);
  }

  absl::Status Publish(std::span<const BrokerMessage> batch) {
    if (batch.empty()) return absl::OkStatus();
    const PublishResult result = publisher_.Publish(batch);
    report_.messages += static_cast<std::int64_t>(result.acknowledged);
    if (result.acknowledged > 0)
      report_.position = batch[result.acknowledged - 1].position;
    return result.status;
  }

  EventStore& store_;
  BrokerPublisher& publisher_;
  const RelayRoutes& routes_;
  const RelayRangeOptions& options_;
  const std::int64_t last_;
  RelayRangeReport report_;
};

}  // namespace

absl::StatusOr<RelayRangeReport> RelayRange(EventStore& store, Broker& broker,
                                            const RelayRoutes& routes,
                                            RelayRangeOptions options) {
  STELE_RETURN_IF_ERROR(Validate(routes, options));
  STELE_ASSIGN_OR_RETURN(const std::int64_t head, store.Head());
  const std::int64_t last =
      options.to_position == 0 ? head : std::min(head, options.to_position);
  STELE_ASSIGN_OR_RETURN(const std::unique_ptr<BrokerPublisher> publisher,
                         broker.OpenPublisher());
  return RangeRelay(store, *publisher, routes, options, last).Run();
}

}  // namespace stele
