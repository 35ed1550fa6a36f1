#include "demo/story.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "orders/order.stele.h"
#include "stele/base/status.h"
#include "stele/envelope.pb.h"

namespace orders {
namespace {

using google::protobuf::Message;
using stele::RecordedEvent;

std::string ShortName(const std::string& type) {
  return type.substr(type.rfind('.') + 1);
}

std::unique_ptr<Message> Decode(const std::string& type,
                                const std::string& bytes) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          type);
  if (descriptor == nullptr) return nullptr;
  std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(descriptor)
          ->New());
  if (!message->ParseFromString(bytes)) return nullptr;
  return message;
}

// "OrderPaid amount_cents: 2500", at most a line long.
std::string Sentence(const std::string& type, const std::string& bytes) {
  const std::unique_ptr<Message> message = Decode(type, bytes);
  if (message == nullptr) return absl::StrCat(ShortName(type), " (unreadable)");
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string fields;
  printer.PrintToString(*message, &fields);
  if (fields.size() > 90) fields = fields.substr(0, 87) + "...";
  return absl::StrCat(ShortName(type), "  ", fields);
}

// "step 2, after StockReserved: sends RequestPayment, starts payment_timeout"
std::string SagaSentence(const RecordedEvent& event) {
  stele::SagaStepped step;
  if (event.type != step.GetDescriptor()->full_name() ||
      !step.ParseFromString(event.payload)) {
    return Sentence(event.type, event.payload);
  }
  std::string text = absl::StrCat("step ", step.step(), ", after ",
                                  ShortName(step.input_type()));
  if (step.has_answer()) {
    absl::StrAppend(&text, " (", ShortName(step.answer().command_type()),
                    step.answer().accepted() ? " done" : " refused: ",
                    step.answer().reason(), ")");
  }
  const char* separator = ": sends ";
  for (const stele::StoredSagaCommand& command : step.commands()) {
    absl::StrAppend(&text, separator, ShortName(command.type()));
    separator = ", ";
  }
  for (const stele::StoredSagaTimer& timer : step.timers()) {
    if (timer.set_version() == event.version) {
      absl::StrAppend(&text, "; starts timer ", timer.name());
    }
  }
  if (step.status() == stele::SAGA_STATUS_COMPLETED) text += "; completed";
  if (step.status() == stele::SAGA_STATUS_COMPENSATED) text += "; compensated";
  if (step.status() == stele::SAGA_STATUS_COMPENSATING) text += "; undoing";
  return text;
}

class Teller {
 public:
  absl::Status Add(stele::EventStore& store, const std::string& service,
                   const std::string& stream_id) {
    return store.ReadStream({.stream_id = stream_id}, [&](RecordedEvent event) {
      Take(service, event);
      return absl::OkStatus();
    });
  }

  // Of an article's stream, only what concerns the order.
  absl::Status AddStock(stele::EventStore& store, const std::string& sku,
                        const std::string& order_id) {
    return store.ReadStream(
        {.stream_id = absl::StrCat("stock-", sku)}, [&](RecordedEvent event) {
          // Every event of an article that concerns an order names it first.
          if (event.payload.find(order_id) != std::string::npos) {
            Take("orders", event);
          }
          return absl::OkStatus();
        });
  }

  std::vector<StoryLine> Finish() {
    std::stable_sort(
        lines_.begin(), lines_.end(),
        [](const StoryLine& a, const StoryLine& b) { return a.at < b.at; });
    return std::move(lines_);
  }

 private:
  void Take(const std::string& service, const RecordedEvent& event) {
    const bool is_saga = event.stream_id.rfind("saga_", 0) == 0;
    lines_.push_back(
        {event.recorded_at, service, event.stream_id,
         is_saga ? SagaSentence(event) : Sentence(event.type, event.payload)});
  }

  std::vector<StoryLine> lines_;
};

absl::StatusOr<std::set<std::string>> Articles(stele::EventStore& store,
                                               const std::string& stream_id) {
  std::set<std::string> skus;
  STELE_RETURN_IF_ERROR(
      store.ReadStream({.stream_id = stream_id}, [&](RecordedEvent event) {
        OrderPlaced placed;
        if (event.type == stele::EventTraits<OrderPlaced>::kType &&
            placed.ParseFromString(event.payload)) {
          for (const OrderLine& line : placed.lines()) skus.insert(line.sku());
        }
        return absl::OkStatus();
      }));
  return skus;
}

}  // namespace

absl::StatusOr<std::vector<StoryLine>> TellStory(
    stele::EventStore& orders_store, stele::EventStore& payments_store,
    const std::string& order_id) {
  Teller teller;
  const std::string stream_id = absl::StrCat("order-", order_id);
  STELE_RETURN_IF_ERROR(teller.Add(orders_store, "orders", stream_id));
  STELE_RETURN_IF_ERROR(teller.Add(
      orders_store, "orders", absl::StrCat("saga_OrderFulfilment-", order_id)));
  STELE_ASSIGN_OR_RETURN(const std::set<std::string> skus,
                         Articles(orders_store, stream_id));
  for (const std::string& sku : skus) {
    STELE_RETURN_IF_ERROR(teller.AddStock(orders_store, sku, order_id));
  }
  for (const char* category : {"payment-", "saga_Settlement-"}) {
    STELE_RETURN_IF_ERROR(teller.Add(payments_store, "payments",
                                     absl::StrCat(category, order_id)));
  }
  return teller.Finish();
}

}  // namespace orders
