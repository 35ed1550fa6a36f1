#ifndef ORDERS_DEMO_HTTP_GET_H_
#define ORDERS_DEMO_HTTP_GET_H_

#include <string>

#include "absl/status/statusor.h"

namespace orders {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// Asks http://127.0.0.1:<port><path>; gives up after two seconds.
absl::StatusOr<HttpAnswer> HttpGet(int port, const std::string& path);

}  // namespace orders

#endif  // ORDERS_DEMO_HTTP_GET_H_
