// payments-service: takes money for orders, and gives it back.
#include <memory>
#include <string>

#include "orders/order.stele.h"
#include "payments/payment_decider.h"
#include "payments/settlements.h"
#include "stele/base/status.h"
#include "stele/outbox/brokers/nats.h"
#include "stele/runtime/runtime.h"
#include "stele/runtime/service.h"

namespace payments {
namespace {

// [inbox]
// Dispatches within the inbox's transaction: the message is remembered and the
// payment changed together, or neither.
template <typename Command>
absl::Status Do(stele::Runtime& runtime, stele::Transaction& tx,
                const Command& command, const stele::InboundMessage& message) {
  const auto receipt = runtime.dispatcher().DispatchIn(
      tx, command,
      {.command_id = stele::Uuid::Parse(message.id),
       .correlation_id = message.correlation_id,
       .causation_id = message.id,
       .traceparent = message.traceparent});
  if (stele::IsRejected(receipt.status())) return absl::OkStatus();
  return receipt.status();
}
// [/inbox]

void AddRequests(stele::Runtime& runtime, stele::Inbox& inbox) {
  inbox.On<orders::PaymentRequested>(
      [&runtime](stele::Transaction& tx,
                 const stele::Inbound<orders::PaymentRequested>& in) {
        return Do(runtime, tx,
                  MakeOpenPayment({.order_id = in->order_id(),
                                   .amount_cents = in->amount_cents(),
                                   .payment_token = in->payment_token()}),
                  in.message());
      });
  inbox.On<orders::RefundRequested>(
      [&runtime](stele::Transaction& tx,
                 const stele::Inbound<orders::RefundRequested>& in) {
        return Do(runtime, tx,
                  MakeRefundPayment({.order_id = in->order_id(),
                                     .amount_cents = in->amount_cents()}),
                  in.message());
      });
}

absl::Status Compose(stele::Runtime& runtime, const std::string& broker_url,
                     absl::Duration redelivery) {
  runtime.Add<PaymentDecider>().Add<Settlements>();
  if (broker_url.empty()) return absl::OkStatus();
  STELE_ASSIGN_OR_RETURN(
      const std::shared_ptr<stele::Broker> broker,
      stele::MakeNatsBroker({.url = broker_url, .ack_wait = redelivery}));
  // [compose]
  runtime.RelayTo(broker,
                  stele::RelayRoutes("payments").AddPublicEvents<Payment>());
  runtime.Consume(
      broker, {.name = "payments", .topics = {"orders.payment_requests"}},
      [&runtime](stele::Inbox& inbox) { AddRequests(runtime, inbox); });
  // [/compose]
  return absl::OkStatus();
}

}  // namespace
}  // namespace payments

// [main]
int main(int argc, char** argv) {
  stele::ServiceSettings settings;
  settings.schema = "payments";
  stele::Config config("payments-service",
                       "Takes money for orders, and gives it back.");
  absl::Duration redelivery = absl::Seconds(10);
  stele::AddServiceSettings(config, settings);
  config
      .Time("late-answer", &payments::Settlements::late_answer,
            absl::Seconds(1), absl::Hours(1000),
            "How late the bank answers for the card tok_late.")
      .Time("redelivery", &redelivery, absl::Seconds(1), absl::Minutes(10),
            "When a message comes again that was taken and not answered.");
  return stele::RunService(
      argc, argv, config, settings, [&](stele::Runtime& runtime) {
        return payments::Compose(runtime, settings.broker_url, redelivery);
      });
}
// [/main]
