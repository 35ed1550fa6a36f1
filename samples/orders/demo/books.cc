#include "demo/books.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "orders/order.stele.h"
#include "payments/payment.stele.h"
#include "stele/base/status.h"

namespace orders {
namespace {

using stele::EventTraits;
using stele::RecordedEvent;

// Reads the whole log.
absl::Status ForEachEvent(
    stele::EventStore& store,
    absl::FunctionRef<absl::Status(const RecordedEvent&)> visit) {
  stele::ReadLogRequest request;
  for (;;) {
    STELE_ASSIGN_OR_RETURN(
        const stele::LogProgress progress,
        store.ReadLog(request, [&](RecordedEvent e) { return visit(e); }));
    request.after_position = progress.position;
    if (progress.at_head) return absl::OkStatus();
  }
}

// Calls `take` with the event if it is an E.
template <typename E, typename Take>
absl::Status If(const RecordedEvent& event, Take take) {
  if (event.type != EventTraits<E>::kType) return absl::OkStatus();
  E message;
  if (!message.ParseFromString(event.payload)) {
    return absl::DataLossError(
        absl::StrCat("event ", event.position, " is no ", event.type));
  }
  take(message);
  return absl::OkStatus();
}

// One order's account: what was ordered, reserved and shipped for it.
struct OrderAccount {
  std::map<std::string, std::int64_t> ordered;
  std::map<std::string, std::int64_t> reserved;
  std::map<std::string, std::int64_t> shipped_goods;
  std::int64_t total = 0;
  std::int64_t paid = 0;
  std::int64_t refunded = 0;
  bool is_placed = false;
  bool is_shipped = false;
  bool is_cancelled = false;
  std::string reason;
};

class Auditor {
 public:
  absl::Status Take(const RecordedEvent& event) {
    const std::string id(stele::IdOf(event.stream_id));
    STELE_RETURN_IF_ERROR(TakeOrder(event, accounts_, id));
    return TakeStock(event, id);
  }

  Books Finish() {
    for (auto& [sku, line] : stock_) {
      line.sku = sku;
      books_.stock.push_back(line);
    }
    for (const auto& [id, account] : accounts_) Close(id, account);
    return std::move(books_);
  }

 private:
  using Accounts = std::map<std::string, OrderAccount>;

  static absl::Status TakeOrder(const RecordedEvent& event, Accounts& accounts,
                                const std::string& id) {
    STELE_RETURN_IF_ERROR(If<OrderPlaced>(event, [&](const OrderPlaced& e) {
      OrderAccount& account = accounts[id];
      account.is_placed = true;
      account.total = e.total_cents();
      for (const OrderLine& line : e.lines()) {
        account.ordered[line.sku()] = line.quantity();
      }
    }));
    STELE_RETURN_IF_ERROR(If<OrderPaid>(event, [&](const OrderPaid& e) {
      accounts[id].paid += e.amount_cents();
    }));
    STELE_RETURN_IF_ERROR(
        If<LatePaymentReceived>(event, [&](const LatePaymentReceived& e) {
          accounts[id].paid += e.amount_cents();
        }));
    STELE_RETURN_IF_ERROR(If<OrderRefunded>(event, [&](const OrderRefunded& e) {
      accounts[id].refunded += e.amount_cents();
    }));
    STELE_RETURN_IF_ERROR(If<OrderShipped>(
        event, [&](const OrderShipped&) { accounts[id].is_shipped = true; }));
    return If<OrderCancelled>(event, [&](const OrderCancelled& e) {
      accounts[id].is_cancelled = true;
      accounts[id].reason = e.reason();
    });
  }

  absl::Status TakeStock(const RecordedEvent& event, const std::string& sku) {
    STELE_RETURN_IF_ERROR(If<StockReceived>(event, [&](const StockReceived& e) {
      stock_[sku].received += e.quantity();
      stock_[sku].on_hand += e.quantity();
    }));
    STELE_RETURN_IF_ERROR(If<StockReserved>(event, [&](const StockReserved& e) {
      stock_[sku].on_hand -= e.quantity();
      stock_[sku].reserved += e.quantity();
      accounts_[e.order_id()].reserved[sku] += e.quantity();
    }));
    STELE_RETURN_IF_ERROR(If<StockReleased>(event, [&](const StockReleased& e) {
      stock_[sku].on_hand += e.quantity();
      stock_[sku].reserved -= e.quantity();
      accounts_[e.order_id()].reserved[sku] -= e.quantity();
    }));
    return If<StockShipped>(event, [&](const StockShipped& e) {
      stock_[sku].reserved -= e.quantity();
      stock_[sku].shipped += e.quantity();
      accounts_[e.order_id()].reserved[sku] -= e.quantity();
      accounts_[e.order_id()].shipped_goods[sku] += e.quantity();
    });
  }

  void Close(const std::string& id, const OrderAccount& account) {
    books_.paid += account.paid;
    books_.refunded += account.refunded;
    if (account.is_shipped) books_.shipped_value += account.total;
    const bool has_ended = account.is_shipped || account.is_cancelled;
    if (!has_ended || HoldsStock(account)) {
      books_.open.push_back(id);
      return;
    }
    books_.outcomes[id] = OutcomeOf(account);
    if (account.is_shipped && account.shipped_goods != account.ordered) {
      books_.faults.push_back(
          absl::StrCat(id, " was shipped, but not what was ordered"));
    }
    if (!account.is_shipped && !account.shipped_goods.empty()) {
      books_.faults.push_back(
          absl::StrCat(id, " was not shipped, but its goods were"));
    }
    if (!account.is_shipped && account.paid != account.refunded) {
      books_.open.push_back(id);  // Money is still to be given back.
    }
  }

  static bool HoldsStock(const OrderAccount& account) {
    for (const auto& [sku, quantity] : account.reserved) {
      if (quantity != 0) return true;
    }
    return false;
  }

  static Outcome OutcomeOf(const OrderAccount& account) {
    if (account.is_shipped) return Outcome::kShipped;
    if (account.reason == "out_of_stock") return Outcome::kOutOfStock;
    if (account.reason == "payment_declined") return Outcome::kPaymentDeclined;
    return account.refunded > 0 ? Outcome::kRefunded : Outcome::kTimedOut;
  }

  Accounts accounts_;
  std::map<std::string, StockLine> stock_;
  Books books_;
};

}  // namespace

absl::StatusOr<Books> AuditOrders(stele::EventStore& store) {
  Auditor auditor;
  STELE_RETURN_IF_ERROR(ForEachEvent(
      store, [&](const RecordedEvent& event) { return auditor.Take(event); }));
  return auditor.Finish();
}

absl::StatusOr<std::int64_t> AuditPayments(stele::EventStore& store) {
  std::int64_t held = 0;
  STELE_RETURN_IF_ERROR(
      ForEachEvent(store, [&](const RecordedEvent& event) -> absl::Status {
        STELE_RETURN_IF_ERROR(If<payments::PaymentAccepted>(
            event, [&](const auto& e) { held += e.amount_cents(); }));
        return If<payments::PaymentRefunded>(
            event, [&](const auto& e) { held -= e.amount_cents(); });
      }));
  return held;
}

absl::Status CheckBooks(const Books& books, std::int64_t held_by_payments) {
  std::vector<std::string> faults = books.faults;
  for (const StockLine& line : books.stock) {
    if (!line.balances()) {
      faults.push_back(absl::StrCat(line.sku, ": received ", line.received,
                                    " is not on hand ", line.on_hand,
                                    " + reserved ", line.reserved,
                                    " + shipped ", line.shipped));
    }
    if (line.on_hand < 0 || line.reserved < 0) {
      faults.push_back(absl::StrCat(line.sku, ": less than nothing is left"));
    }
    if (line.reserved != 0) {
      faults.push_back(absl::StrCat(line.sku, ": ", line.reserved,
                                    " still reserved for orders that ended"));
    }
  }
  if (!books.open.empty()) {
    faults.push_back(absl::StrCat(books.open.size(),
                                  " orders never ended, the first is ",
                                  books.open.front()));
  }
  if (books.paid - books.refunded != books.shipped_value) {
    faults.push_back(absl::StrCat("paid ", books.paid, " less refunded ",
                                  books.refunded, " is not the value shipped, ",
                                  books.shipped_value));
  }
  if (held_by_payments != books.paid - books.refunded) {
    faults.push_back(absl::StrCat("the payments service holds ",
                                  held_by_payments, ", the orders say ",
                                  books.paid - books.refunded));
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrJoin(faults, "\n"));
}

}  // namespace orders
