#include "demo/place.h"

#include <google/protobuf/util/message_differencer.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "orders/order.stele.h"
#include "stele/base/backoff.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"

namespace orders {
namespace {

// Of this sample's command ids.
const stele::Uuid kSpace =
    *stele::Uuid::Parse("4b1f8f0e-6f5a-4f0c-9a53-0c8f2f6d7e11");

// Dispatches with an id of its own, so that trying again is harmless.
absl::StatusOr<stele::Receipt> DispatchUntilKnown(
    stele::Dispatcher& dispatcher, const google::protobuf::Message& command,
    const std::string& name) {
  const stele::DispatchOptions options = {
      .command_id = stele::Uuid::FromName(kSpace, name)};
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  stele::Backoff backoff({absl::Milliseconds(20), absl::Seconds(1)});
  for (;;) {
    auto receipt = dispatcher.Dispatch(command, options);
    if (receipt.ok() || !stele::IsTransient(receipt.status())) return receipt;
    if (absl::Now() > deadline) return receipt;
    absl::SleepFor(backoff.Next());
  }
}

PlaceOrder ToCommand(const OrderInput& input) {
  PlaceOrder command;
  command.set_order_id(input.order_id);
  command.set_customer_id(input.customer_id);
  command.set_total_cents(input.total_cents);
  command.set_payment_token(input.payment_token);
  for (const OrderInput::Line& line : input.lines) {
    OrderLine& to = *command.add_lines();
    to.set_sku(line.sku);
    to.set_quantity(line.quantity);
    to.set_unit_price_cents(line.unit_price_cents);
  }
  return command;
}

// True iff `event`, an OrderPlaced, is what the order becomes.
bool IsOf(const OrderInput& order, const stele::RecordedEvent& event) {
  const PlaceOrder command = ToCommand(order);
  OrderPlaced placed;
  placed.set_customer_id(command.customer_id());
  *placed.mutable_lines() = command.lines();
  placed.set_total_cents(command.total_cents());
  placed.set_payment_token(command.payment_token());
  OrderPlaced found;
  return found.ParseFromString(event.payload) &&
         google::protobuf::util::MessageDifferencer::Equals(placed, found);
}

// Counts answers of many callers.
class Counting {
 public:
  Counting(const Progress& progress, Gate* gate)
      : progress_(progress), gate_(gate) {}

  void Take(const OrderInput& order,
            const absl::StatusOr<stele::Receipt>& answer) {
    const bool is_taken = answer.ok() && !answer->was_duplicate;
    if (!is_taken && gate_ != nullptr) gate_->NotTaken();
    absl::MutexLock lock(&mutex_);
    if (answer.ok()) {
      ++(answer->was_duplicate ? placing_.repeated : placing_.placed);
    } else if (stele::IsRejected(answer.status())) {
      ++placing_.refusals;
      placing_.refused[order.order_id] =
          stele::RejectionReason(answer.status());
    } else if (error_.ok()) {
      error_ = stele::Annotate(answer.status(),
                               absl::StrCat("placing ", order.order_id));
    }
    ++done_;
    if (progress_) progress_(done_);
  }

  absl::StatusOr<Placing> Result() {
    absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return error_;
    return placing_;
  }

 private:
  const Progress& progress_;
  Gate* const gate_;
  absl::Mutex mutex_;
  Placing placing_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::int64_t done_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::Status CheckNoneIsAnother(stele::EventStore& store,
                                const std::vector<OrderInput>& orders) {
  std::map<std::string, const OrderInput*> wanted;
  for (const OrderInput& order : orders) {
    wanted.try_emplace(order.order_id, &order);
  }
  const auto check = [&](const stele::RecordedEvent& event) -> absl::Status {
    const auto it = wanted.find(std::string(stele::IdOf(event.stream_id)));
    if (it == wanted.end() || IsOf(*it->second, event)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "the database has an order ", it->first,
        " already, and it is another one than that of this run: give a "
        "database without it, or the orders of the earlier run"));
  };
  stele::ReadLogRequest request = {
      .types = {std::string(stele::EventTraits<OrderPlaced>::kType)}};
  for (;;) {
    STELE_ASSIGN_OR_RETURN(const stele::LogProgress progress,
                           store.ReadLog(request, check));
    if (progress.at_head) return absl::OkStatus();
    request.after_position = progress.position;
  }
}

std::string BatchFor(const std::vector<OrderInput>& orders) {
  std::string all;
  for (const OrderInput& order : orders) {
    absl::StrAppend(&all, FormatOrder(order), "\n");
  }
  return stele::Uuid::FromName(kSpace, all).ToString();
}

absl::Status FillWarehouse(stele::Dispatcher& dispatcher,
                           const std::vector<Article>& articles,
                           const std::string& batch) {
  for (const Article& article : articles) {
    STELE_RETURN_IF_ERROR(DispatchUntilKnown(
        dispatcher,
        MakeReceiveStock({.sku = article.sku, .quantity = article.received}),
        absl::StrCat("receive/", IsRare(article.sku) ? "rare" : batch, "/",
                     article.sku)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Placing> PlaceOrders(stele::Dispatcher& dispatcher,
                                    const std::vector<OrderInput>& orders,
                                    int callers, const Progress& progress,
                                    Gate* gate) {
  Counting counting(progress, gate);
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (int caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&] {
      for (std::size_t i = next++; i < orders.size(); i = next++) {
        if (gate != nullptr) gate->AwaitRoom();
        counting.Take(
            orders[i],
            DispatchUntilKnown(dispatcher, ToCommand(orders[i]),
                               absl::StrCat("place/", orders[i].order_id)));
      }
    });
  }
  threads.clear();  // Joins.
  return counting.Result();
}

}  // namespace orders
