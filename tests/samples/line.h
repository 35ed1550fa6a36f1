#ifndef STELE_TESTS_SAMPLES_LINE_H_
#define STELE_TESTS_SAMPLES_LINE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "orders/order.stele.h"

namespace orders {

inline OrderLine Line(std::string sku, std::int64_t quantity,
                      std::int64_t unit_price_cents) {
  OrderLine line;
  line.set_sku(std::move(sku));
  line.set_quantity(quantity);
  line.set_unit_price_cents(unit_price_cents);
  return line;
}

}  // namespace orders

#endif  // STELE_TESTS_SAMPLES_LINE_H_
