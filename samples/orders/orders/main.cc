// orders-service: takes orders and sees them through.
#include <memory>
#include <string>

#include "orders/daily_sales.h"
#include "orders/fulfilment.h"
#include "orders/order_decider.h"
#include "orders/order_summaries.h"
#include "orders/stock_decider.h"
#include "payments/payment.stele.h"
#include "stele/base/status.h"
#include "stele/outbox/brokers/nats.h"
#include "stele/runtime/runtime.h"
#include "stele/runtime/service.h"

namespace orders {
namespace {

// Answers of the payments service become commands on orders. The message's id
// is the command's, so that an answer that comes twice counts once.
template <typename Event, typename MakeCommand>
void Answer(stele::Runtime& runtime, stele::Inbox& inbox,
            MakeCommand make_command) {
  inbox.On<Event>([&runtime, make_command](
                      stele::Transaction& tx,
                      const stele::Inbound<Event>& in) -> absl::Status {
    const auto receipt = runtime.dispatcher().DispatchIn(
        tx, make_command(*in),
        {.command_id = stele::Uuid::Parse(in.message_id()),
         .correlation_id = in.message().correlation_id,
         .causation_id = in.message_id(),
         .traceparent = in.message().traceparent});
    // A rule that says no is an answer, too: there is nothing to try again.
    if (stele::IsRejected(receipt.status())) return absl::OkStatus();
    return receipt.status();
  });
}

void AddAnswers(stele::Runtime& runtime, stele::Inbox& inbox) {
  Answer<payments::PaymentAccepted>(
      runtime, inbox, [](const payments::PaymentAccepted& e) {
        return MakeRecordPayment(
            {.order_id = e.order_id(), .amount_cents = e.amount_cents()});
      });
  Answer<payments::PaymentDeclined>(
      runtime, inbox, [](const payments::PaymentDeclined& e) {
        return MakeRecordPaymentRefusal(
            {.order_id = e.order_id(), .reason = e.reason()});
      });
  Answer<payments::PaymentRefunded>(
      runtime, inbox, [](const payments::PaymentRefunded& e) {
        return MakeRecordRefund(
            {.order_id = e.order_id(), .amount_cents = e.amount_cents()});
      });
}

// The relay may run in a process of its own, as it does in the demo.
absl::Status Compose(stele::Runtime& runtime, const std::string& role,
                     const std::string& broker_url, absl::Duration redelivery) {
  std::shared_ptr<stele::Broker> broker;
  if (!broker_url.empty()) {
    STELE_ASSIGN_OR_RETURN(
        broker,
        stele::MakeNatsBroker({.url = broker_url, .ack_wait = redelivery}));
  }
  if (role != "relay") {
    runtime.Add<OrderDecider>().Add<StockDecider>();
    runtime.Add<OrderSummaries>().Add<DailySalesReport>().Add<Fulfilment>();
    if (broker != nullptr) {
      runtime.Consume(
          broker, {.name = "orders", .topics = {"payments.payment_answers"}},
          [&runtime](stele::Inbox& inbox) { AddAnswers(runtime, inbox); });
    }
  }
  if (role != "work" && broker != nullptr) {
    runtime.RelayTo(broker,
                    stele::RelayRoutes("orders").AddPublicEvents<Order>());
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace orders

int main(int argc, char** argv) {
  stele::ServiceSettings settings;
  settings.schema = "orders";
  std::string role = "all";
  absl::Duration redelivery = absl::Seconds(10);
  stele::Config config("orders-service",
                       "Takes orders and sees them through to the end.");
  stele::AddServiceSettings(config, settings);
  config.Choice("role", &role, {"all", "work", "relay"}, "What to run of it.")
      .Time("payment-timeout", &orders::Fulfilment::payment_timeout,
            absl::Seconds(1), absl::Hours(1000),
            "How long an order waits for its payment.")
      .Time("late-payment-grace", &orders::Fulfilment::late_payment_grace,
            absl::Seconds(1), absl::Hours(1000),
            "How long a cancelled order waits for a late payment.")
      .Time("refund-timeout", &orders::Fulfilment::refund_timeout,
            absl::Seconds(1), absl::Hours(1000),
            "How long a refund may take before it is asked for again.")
      .Time("redelivery", &redelivery, absl::Seconds(1), absl::Minutes(10),
            "When a message comes again that was taken and not answered.");
  return stele::RunService(
      argc, argv, config, settings, [&](stele::Runtime& runtime) {
        return orders::Compose(runtime, role, settings.broker_url, redelivery);
      });
}
