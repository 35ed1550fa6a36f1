#include "stele/outbox/relay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "relay_handler.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

using outbox_internal::RelayHandler;
using outbox_internal::RelayInstruments;

absl::Status Validate(const RelayRoutes& routes, const RelayOptions& options) {
  if (options.source.empty() || !IsValidUtf8(options.source))
    return absl::InvalidArgumentError(
        absl::StrCat("RelayOptions.source must name the service that relays, "
                     "\"/orders\" for instance; it is ",
                     Quoted(options.source)));
  if (const absl::Status valid = ValidateGroup(options.name); !valid.ok())
    return Annotate(valid, "RelayOptions.name");
  if (routes.empty())
    return absl::InvalidArgumentError(
        "the relay has no routes: mark an event as public in its .proto, or "
        "add a route with AddTo()");
  return routes.Validate();
}

ConsumerOptions ToConsumerOptions(const RelayRoutes& routes,
                                  const RelayOptions& options) {
  ConsumerOptions consumer;
  consumer.name = absl::StrCat("relay/", options.name);
  consumer.slots = options.slots;
  consumer.start_position = options.start_position;
  consumer.types = routes.types();
  consumer.batch_events_max = options.batch_events_max;
  consumer.lease = options.lease;
  consumer.retry = options.retry;
  consumer.park_backoff = options.park_backoff;
  // A broker that is away is away for all events.
  consumer.transient_tries_before_parking = 0;
  consumer.metrics = options.metrics;
  return consumer;
}

class ConsumerRelay : public Relay {
 public:
  ConsumerRelay(Broker& broker, RelayRoutes routes, std::string source,
                RelayInstruments instruments)
      : pending_(instruments.pending),
        handler_(broker, std::move(routes), std::move(source), instruments,
                 [this] { ReportPending(); }) {}

  absl::Status Start(EventStore& store, ConsumerOptions options,
                     std::string owner) {
    STELE_ASSIGN_OR_RETURN(consumer_,
                           Consumer::Create(store, handler_, std::move(options),
                                            std::move(owner)));
    return absl::OkStatus();
  }

  absl::Status Join() override { return consumer_->Join(); }
  absl::Status Run() override {
    const absl::Status ended = consumer_->Run();
    ReportPending();
    return ended;
  }
  absl::Status RunUntil(std::int64_t position) override {
    const absl::Status ended = consumer_->RunUntil(position);
    ReportPending();
    return ended;
  }
  void Stop() override { consumer_->Stop(); }
  ConsumerActivity Activity() const override { return consumer_->Activity(); }

 private:
  void ReportPending() {
    const ConsumerActivity now = consumer_->Activity();
    // Without slots nothing waits for this one: others know what does.
    const std::int64_t pending =
        now.slots_held == 0 ? 0 : now.head - now.position;
    pending_.Set(static_cast<double>(std::max<std::int64_t>(0, pending)));
  }

  Gauge& pending_;
  RelayHandler handler_;
  std::unique_ptr<Consumer> consumer_;  // Calls handler_, so it goes first.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Relay>> Relay::Create(EventStore& store,
                                                     Broker& broker,
                                                     RelayRoutes routes,
                                                     RelayOptions options,
                                                     std::string owner) {
  STELE_RETURN_IF_ERROR(Validate(routes, options));
  Metrics& metrics =
      options.metrics == nullptr ? NoMetrics() : *options.metrics;
  ConsumerOptions consumer = ToConsumerOptions(routes, options);
  auto relay =
      std::make_unique<ConsumerRelay>(broker, std::move(routes), options.source,
                                      RelayInstruments(metrics, options.name));
  STELE_RETURN_IF_ERROR(
      relay->Start(store, std::move(consumer), std::move(owner)));
  return relay;
}

}  // namespace stele
