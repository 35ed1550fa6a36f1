#ifndef STELE_RUNTIME_HTTP_ENDPOINT_H_
#define STELE_RUNTIME_HTTP_ENDPOINT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stele {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A small HTTP/1.1 server for probes and scrapers: GET and HEAD of fixed paths.
// Not for users' traffic: connections, request sizes and times are bounded low.
// Where there are too many connections, the one that asks nothing for longest
// makes way.
//
// Thread-safe. Stops when destroyed.
class HttpEndpoint {
 public:
  // Answers a path. Called on the endpoint's thread; must not block for long.
  using Handler = std::function<HttpResponse()>;

  // Listens on `address`, "127.0.0.1:9464" or "[::1]:0"; port 0 takes a free
  // one.
  //
  // Errors:
  //   kInvalidArgument  `address` is malformed.
  //   kUnavailable      the port is taken or the address not of this machine.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Listen(
      const std::string& address, std::map<std::string, Handler> handlers);

  // OK iff `address` is well formed, kInvalidArgument otherwise.
  static absl::Status ValidateAddress(const std::string& address);

  virtual ~HttpEndpoint() = default;
  virtual std::uint16_t port() const = 0;
};

}  // namespace stele

#endif  // STELE_RUNTIME_HTTP_ENDPOINT_H_
