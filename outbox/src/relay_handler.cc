#include "relay_handler.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/outbox/cloud_event.h"

namespace stele::outbox_internal {
namespace {

// The consumer parks an event for any error that does not mean "later". Only a
// refused message is the event's own fault; all else is the broker's trouble.
absl::Status TroubleOf(const Broker& broker, const absl::Status& status) {
  const std::string context = absl::StrCat("relaying to ", broker.Describe());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return Annotate(status, context);
    default:
      return absl::UnavailableError(
          absl::StrCat(context, ": ", status.ToString()));
  }
}

}  // namespace

RelayInstruments::RelayInstruments(Metrics& metrics, const std::string& relay)
    : published(metrics.GetCounter("stele_relay_published_total",
                                   "Messages the broker acknowledged.",
                                   {{"relay", relay}})),
      errors(metrics.GetCounter("stele_relay_errors_total",
                                "Batches that the broker did not take whole.",
                                {{"relay", relay}})),
      publish_seconds(metrics.GetHistogram(
          "stele_relay_publish_seconds",
          "From the first message of a batch to its last acknowledgement.",
          {{"relay", relay}})),
      pending(metrics.GetGauge("stele_relay_pending",
                               "Positions between checkpoint and head.",
                               {{"relay", relay}})) {}

RelayHandler::RelayHandler(Broker& broker, RelayRoutes routes,
                           std::string source, RelayInstruments instruments,
                           std::function<void()> report_pending)
    : broker_(broker),
      routes_(std::move(routes)),
      source_(std::move(source)),
      instruments_(instruments),
      report_pending_(std::move(report_pending)) {}

absl::StatusOr<std::optional<std::string>> RelayHandler::KeyOf(
    const RecordedEvent& event) {
  if (routes_.TopicOf(event.type) == nullptr) return std::nullopt;
  return event.stream_id;
}

absl::StatusOr<std::vector<BrokerMessage>> RelayHandler::Translate(
    std::span<const KeyedEvent> batch) const {
  std::vector<BrokerMessage> messages;
  messages.reserve(batch.size());
  for (const KeyedEvent& keyed : batch) {
    const std::string* topic = routes_.TopicOf(keyed.event.type);
    if (topic == nullptr) continue;  // Its route is gone; it was held before.
    STELE_ASSIGN_OR_RETURN(BrokerMessage message,
                           ToBrokerMessage(keyed.event, *topic, source_));
    messages.push_back(std::move(message));
  }
  return messages;
}

absl::Status RelayHandler::Connect() {
  if (publisher_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<BrokerPublisher>> opened =
      broker_.OpenPublisher();
  if (!opened.ok()) {
    // Not the fault of any event, whatever the code.
    return absl::UnavailableError(absl::StrCat("connecting to ",
                                               broker_.Describe(), ": ",
                                               opened.status().ToString()));
  }
  publisher_ = *std::move(opened);
  return absl::OkStatus();
}

absl::Status RelayHandler::Publish(std::span<const BrokerMessage> messages) {
  while (!messages.empty()) {
    STELE_RETURN_IF_ERROR(Connect());
    const auto begin = std::chrono::steady_clock::now();
    const PublishResult result = publisher_->Publish(messages);
    instruments_.publish_seconds.Observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
            .count());
    instruments_.published.Add(static_cast<double>(result.acknowledged));
    messages = messages.subspan(result.acknowledged);
    if (result.status.ok()) continue;
    instruments_.errors.Add();
    const bool is_refused = absl::IsInvalidArgument(result.status);
    // Without progress it is the consumer's turn to wait, and to try again.
    if (result.acknowledged == 0 || is_refused)
      return TroubleOf(broker_, result.status);
  }
  return absl::OkStatus();
}

absl::Status RelayHandler::Handle(std::span<const KeyedEvent> batch,
                                  CommitBatch commit) {
  STELE_ASSIGN_OR_RETURN(const std::vector<BrokerMessage> messages,
                         Translate(batch));
  STELE_RETURN_IF_ERROR(Publish(messages));
  STELE_RETURN_IF_ERROR(commit([](Transaction&) { return absl::OkStatus(); }));
  report_pending_();
  return absl::OkStatus();
}

void RelayHandler::OnLeasesChanged() { report_pending_(); }

absl::Status RelayHandler::OnTick(std::span<const int>) {
  report_pending_();
  return absl::OkStatus();
}

}  // namespace stele::outbox_internal
