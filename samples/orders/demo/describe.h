#ifndef ORDERS_DEMO_DESCRIBE_H_
#define ORDERS_DEMO_DESCRIBE_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orders {

// "12,345.67"; "-0.05".
std::string Money(std::int64_t cents);

// What a message says, for people: "customer_id C-182, lines 4 x MUG-BLUE at
// 12.50, total 50.00". Its "order_id", which they know, and empty fields are
// left out; cents are shown as money.
std::string DescribeFields(const google::protobuf::Message& message);

// `text` in lines of at most `width` bytes, broken at spaces. A word that is
// longer has a line of its own.
std::vector<std::string> Wrap(std::string_view text, std::size_t width);

// How wide standard output is, in columns: of the terminal, 80 to 160; or 120
// when it is none.
std::size_t OutputWidth();

}  // namespace orders

#endif  // ORDERS_DEMO_DESCRIBE_H_
