#include "input/make_orders.h"

#include <algorithm>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace orders {
namespace {

constexpr char kRarePrefix[] = "RARE-";
constexpr std::int64_t kRareOnHand = 2;  // Every order asks for more.

const std::vector<Article>& Catalogue() {
  static const auto* catalogue = new std::vector<Article>{
      {"MUG-BLUE", 1250},       {"MUG-WHITE", 1150},
      {"MUG-TRAVEL", 2490},     {"TEAPOT-CLAY", 5400},
      {"TEAPOT-GLASS", 3990},   {"TEA-ASSAM-100", 890},
      {"TEA-SENCHA-100", 1290}, {"TEA-OOLONG-50", 1690},
      {"HONEY-LINDEN", 780},    {"SPOON-OLIVE", 540},
      {"TRAY-OAK", 3450},       {"TOWEL-LINEN", 1390},
      {"RARE-GYOKURO", 9900},   {"RARE-KINTSUGI", 48000},
  };
  return *catalogue;
}

class Shop {
 public:
  explicit Shop(std::uint32_t seed) : random_(seed) {}

  OrderInput Next(std::int64_t number) {
    OrderInput order;
    order.order_id = absl::StrFormat("A-%06d", number);
    order.customer_id = absl::StrFormat("C-%03d", Pick(1, 400));
    AddLines(order);
    order.payment_token = Pick(0, 1) == 0 ? "tok_visa" : "tok_mastercard";
    Vary(order);
    return order;
  }

  std::int64_t Pick(std::int64_t least, std::int64_t most) {
    // Not std::uniform_int_distribution, whose values differ by library.
    const auto span = static_cast<std::uint64_t>(most - least + 1);
    return least + static_cast<std::int64_t>(random_() % span);
  }

 private:
  void AddLines(OrderInput& order) {
    const std::int64_t common = 12;  // The rare ones stand at the end.
    std::set<std::int64_t> picked;
    const std::int64_t lines = Pick(1, 4);
    while (static_cast<std::int64_t>(picked.size()) < lines) {
      picked.insert(Pick(0, common - 1));
    }
    for (const std::int64_t index : picked) {
      const Article& article = Catalogue()[static_cast<std::size_t>(index)];
      order.lines.push_back(
          {article.sku, Pick(1, 5), article.unit_price_cents});
    }
    SetTotal(order);
  }

  static void SetTotal(OrderInput& order) {
    order.total_cents = 0;
    for (const OrderInput::Line& line : order.lines) {
      order.total_cents += line.quantity * line.unit_price_cents;
    }
  }

  // Makes some orders end badly: about one in five, of every kind.
  void Vary(OrderInput& order) {
    const std::int64_t lot = Pick(1, 1000);
    if (lot <= 30) {
      order.total_cents -= 100;  // A tampered total: refused.
    } else if (lot <= 45) {
      order.lines[0].quantity = 0;  // Refused.
      SetTotal(order);
    } else if (lot <= 100) {
      const Article& rare = Catalogue()[lot % 2 == 0 ? 12 : 13];
      order.lines.push_back({rare.sku, Pick(3, 5), rare.unit_price_cents});
      SetTotal(order);
    } else if (lot <= 160) {
      order.payment_token = "tok_declined";
    } else if (lot <= 180) {
      order.payment_token = "tok_late";
    } else if (lot <= 190) {
      order.payment_token = "tok_silent";
    }
  }

  std::mt19937 random_;
};

// The rules of OrderDecider, told a second time on purpose: what is expected
// must not come from what is tested.
bool IsRefused(const OrderInput& order) {
  std::int64_t total_cents = 0;
  std::set<std::string> skus;
  for (const OrderInput::Line& line : order.lines) {
    if (line.quantity < 1 || line.quantity > 1'000) return true;
    if (line.unit_price_cents < 0 || line.unit_price_cents > 10'000'00) {
      return true;
    }
    if (!skus.insert(line.sku).second) return true;
    total_cents += line.quantity * line.unit_price_cents;
  }
  return order.lines.empty() || order.lines.size() > 50 ||
         total_cents != order.total_cents || total_cents > 10'000'00;
}

Outcome Expect(const OrderInput& order) {
  if (IsRefused(order)) return Outcome::kRefused;
  for (const OrderInput::Line& line : order.lines) {
    if (IsRare(line.sku)) return Outcome::kOutOfStock;
  }
  if (order.payment_token == "tok_declined") return Outcome::kPaymentDeclined;
  if (order.payment_token == "tok_late") return Outcome::kRefunded;
  if (order.payment_token == "tok_silent") return Outcome::kTimedOut;
  return Outcome::kShipped;
}

}  // namespace

bool IsRare(const std::string& sku) { return sku.rfind(kRarePrefix, 0) == 0; }

std::string ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kShipped:
      return "shipped";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kOutOfStock:
      return "cancelled: out of stock";
    case Outcome::kPaymentDeclined:
      return "cancelled: payment declined";
    case Outcome::kRefunded:
      return "cancelled: time-out, late payment refunded";
    case Outcome::kTimedOut:
      return "cancelled: time-out, never paid";
  }
  return "?";
}

std::vector<Article> StockFor(const std::vector<OrderInput>& orders) {
  std::map<std::string, Article> stock;
  for (const Article& article : Catalogue()) stock[article.sku] = article;
  for (const OrderInput& order : orders) {
    if (IsRefused(order)) continue;
    for (const OrderInput::Line& line : order.lines) {
      Article& article = stock[line.sku];
      article.sku = line.sku;
      article.received += line.quantity;
    }
  }
  std::vector<Article> all;
  for (auto& [sku, article] : stock) {
    article.received = IsRare(sku) ? kRareOnHand : article.received + 100;
    all.push_back(article);
  }
  return all;
}

std::vector<OrderInput> MakeOrders(std::int64_t count, std::uint32_t seed) {
  Shop shop(seed);
  std::vector<OrderInput> orders;
  for (std::int64_t number = 1; number <= count; ++number) {
    orders.push_back(shop.Next(number));
    if (shop.Pick(1, 50) == 1) orders.push_back(orders.back());
  }
  return orders;
}

std::map<std::string, Outcome> ExpectedOutcomes(
    const std::vector<OrderInput>& orders) {
  std::map<std::string, Outcome> outcomes;
  for (const OrderInput& order : orders) {
    outcomes.try_emplace(order.order_id, Expect(order));
  }
  return outcomes;
}

}  // namespace orders
