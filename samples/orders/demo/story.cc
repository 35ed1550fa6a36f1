#include "demo/story.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "demo/describe.h"
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

// "OrderPaid: amount 25.00".
std::string Sentence(const std::string& type, const std::string& bytes) {
  const std::unique_ptr<Message> message = Decode(type, bytes);
  if (message == nullptr) return absl::StrCat(ShortName(type), " (unreadable)");
  const std::string fields = DescribeFields(*message);
  if (fields.empty()) return ShortName(type);
  return absl::StrCat(ShortName(type), ": ", fields);
}

// "ReserveStock x 3, ShipOrder".
std::string Commands(const stele::SagaStepped& step) {
  std::vector<std::pair<std::string, int>> runs;
  for (const stele::StoredSagaCommand& command : step.commands()) {
    const std::string name = ShortName(command.type());
    if (runs.empty() || runs.back().first != name) runs.push_back({name, 0});
    ++runs.back().second;
  }
  return absl::StrJoin(runs, ", ", [](std::string* out, const auto& run) {
    absl::StrAppend(out, run.first);
    if (run.second > 1) absl::StrAppend(out, " x ", run.second);
  });
}

std::string Answer(const stele::SagaStepped& step) {
  if (step.input_type() == stele::SagaTimerElapsed::descriptor()->full_name()) {
    return "the timer";
  }
  if (!step.has_answer()) return ShortName(step.input_type());
  return absl::StrCat(ShortName(step.answer().command_type()),
                      step.answer().accepted() ? " was done" : " was refused: ",
                      step.answer().accepted() ? "" : step.answer().reason());
}

std::string StepSentence(const RecordedEvent& event,
                         const stele::SagaStepped& step) {
  std::vector<std::string> does;
  if (step.commands_size() > 0) {
    does.push_back(absl::StrCat("sends ", Commands(step)));
  }
  for (const stele::StoredSagaTimer& timer : step.timers()) {
    if (timer.set_version() == event.version) {
      does.push_back(absl::StrCat("starts timer ", timer.name()));
    }
  }
  if (step.status() == stele::SAGA_STATUS_COMPENSATING) {
    does.push_back("undoes what it did");
  }
  if (step.status() == stele::SAGA_STATUS_COMPLETED) {
    does.push_back("is completed");
  }
  if (step.status() == stele::SAGA_STATUS_COMPENSATED) {
    does.push_back("is compensated");
  }
  if (does.empty()) does.push_back("waits");
  return absl::StrCat("step ", step.step(), ", on ", Answer(step), ": ",
                      absl::StrJoin(does, ", "));
}

// "step 2, on StockReserved: sends RequestPayment, starts timer ..."
std::string SagaSentence(const RecordedEvent& event) {
  stele::SagaStepped step;
  if (event.type == step.GetDescriptor()->full_name() &&
      step.ParseFromString(event.payload)) {
    return StepSentence(event, step);
  }
  stele::SagaTimerElapsed elapsed;
  if (event.type == elapsed.GetDescriptor()->full_name() &&
      elapsed.ParseFromString(event.payload)) {
    return absl::StrCat("timer ", elapsed.timer().name(), " has run out");
  }
  return Sentence(event.type, event.payload);
}

// True iff it is an event about the order, as most of an article's are.
bool Names(const RecordedEvent& event, const std::string& order_id) {
  const std::unique_ptr<Message> message = Decode(event.type, event.payload);
  if (message == nullptr) return false;
  const auto* field = message->GetDescriptor()->FindFieldByName("order_id");
  return field != nullptr &&
         message->GetReflection()->GetString(*message, field) == order_id;
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
    return store.ReadStream({.stream_id = absl::StrCat("stock-", sku)},
                            [&](RecordedEvent event) {
                              if (Names(event, order_id)) Take("orders", event);
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
    const bool is_stock = event.stream_id.rfind("stock-", 0) == 0;
    // All streams but those of articles end with the order's id.
    lines_.push_back(
        {event.recorded_at, service,
         is_stock ? event.stream_id
                  : std::string(stele::CategoryOf(event.stream_id)),
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
