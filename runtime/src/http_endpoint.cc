#include "stele/runtime/http_endpoint.h"

#include <chrono>
#include <list>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http.hpp"
#include "stele/base/log.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Handlers = std::map<std::string, HttpEndpoint::Handler>;
using Tcp = asio::ip::tcp;

constexpr int kConnectionsMax = 64;
// For a whole request, from when it is waited for; and for an answer.
constexpr auto kRequestTimeout = std::chrono::seconds(3);
constexpr auto kAnswerTimeout = std::chrono::seconds(10);
constexpr auto kRestAfterError = std::chrono::milliseconds(100);
constexpr std::uint32_t kHeaderBytesMax = 8 * 1024;
constexpr std::uint64_t kBodyBytesMax = 1024;

absl::StatusOr<Tcp::endpoint> ParseAddress(const std::string& address) {
  const absl::Status malformed = absl::InvalidArgumentError(
      absl::StrCat("HTTP address ", Quoted(address),
                   " is malformed; write 127.0.0.1:9464 or [::1]:9464"));
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return malformed;
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint32_t port = 0;
  boost::system::error_code error;
  const asio::ip::address ip = asio::ip::make_address(host, error);
  if (error || !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return malformed;
  }
  if (port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("HTTP address ", Quoted(address), " has a port out of ",
                     "range; write one from 0 to 65535, 0 for any"));
  }
  return Tcp::endpoint(ip, static_cast<std::uint16_t>(port));
}

HttpResponse Answer(const http::request<http::string_body>& request,
                    const Handlers& handlers) {
  if (request.method() != http::verb::get &&
      request.method() != http::verb::head) {
    return {405, "text/plain; charset=utf-8", "only GET and HEAD\n"};
  }
  const std::string target(request.target());
  const auto it = handlers.find(target.substr(0, target.find('?')));
  if (it == handlers.end()) {
    std::string body = "not found; there is:\n";
    for (const auto& [path, handler] : handlers) {
      absl::StrAppend(&body, path, "\n");
    }
    return {404, "text/plain; charset=utf-8", body};
  }
  return it->second();
}

class BeastEndpoint final : public HttpEndpoint {
 public:
  explicit BeastEndpoint(Handlers handlers)
      : handlers_(std::move(handlers)), acceptor_(io_) {}

  ~BeastEndpoint() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Start(const Tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error)
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat(
          "cannot listen for HTTP on ", endpoint.address().to_string(), ":",
          endpoint.port(), ": ", error.message(),
          "; choose another address or stop what uses it"));
    }
    asio::co_spawn(io_, Accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }

  std::uint16_t port() const override {
    boost::system::error_code error;
    return acceptor_.local_endpoint(error).port();
  }

 private:
  asio::awaitable<void> Accept() {
    for (;;) {
      boost::system::error_code error;
      Tcp::socket socket = co_await acceptor_.async_accept(
          asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // Out of file descriptors, say: no reason to spin.
        asio::steady_timer rest(io_, kRestAfterError);
        co_await rest.async_wait(
            asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      if (connections_ >= kConnectionsMax && !CloseLongestWaiting()) continue;
      ++connections_;
      asio::co_spawn(io_, Serve(std::move(socket)), asio::detached);
    }
  }

  // A client that keeps a connection and asks nothing must not keep a probe
  // out. False if all of them are being answered.
  bool CloseLongestWaiting() {
    if (!has_warned_) {
      has_warned_ = true;
      Log(LogLevel::kWarning,
          "too many HTTP connections; those that ask nothing are closed, the "
          "oldest first",
          {{"connections", absl::StrCat(connections_)}});
    }
    if (waiting_.empty()) return false;
    beast::tcp_stream* const longest = waiting_.front();
    waiting_.pop_front();
    longest->close();  // Serve() goes on with an error.
    return true;
  }

  // Reads a request, while which the connection may be closed for another.
  asio::awaitable<boost::system::error_code> Read(
      beast::tcp_stream& stream, beast::flat_buffer& buffer,
      http::request_parser<http::string_body>& parser) {
    boost::system::error_code error;
    waiting_.push_back(&stream);
    stream.expires_after(kRequestTimeout);
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
    waiting_.remove(&stream);
    co_return error;
  }

  asio::awaitable<void> Serve(Tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer(kHeaderBytesMax + kBodyBytesMax);
    boost::system::error_code error;
    bool keep_open = true;
    while (keep_open && !error) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(kHeaderBytesMax);
      parser.body_limit(kBodyBytesMax);
      error = co_await Read(stream, buffer, parser);
      if (error) break;
      http::response<http::string_body> response = MakeResponse(parser.get());
      keep_open = response.keep_alive();
      stream.expires_after(kAnswerTimeout);
      co_await http::async_write(
          stream, response, asio::redirect_error(asio::use_awaitable, error));
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    --connections_;
  }

  http::response<http::string_body> MakeResponse(
      const http::request<http::string_body>& request) {
    HttpResponse answer = Answer(request, handlers_);
    http::response<http::string_body> response;
    response.version(request.version());
    response.result(static_cast<unsigned>(answer.status));
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(request.keep_alive());
    const std::size_t size = answer.body.size();
    if (request.method() != http::verb::head) {
      response.body() = std::move(answer.body);
    }
    response.content_length(size);
    return response;
  }

  const Handlers handlers_;
  asio::io_context io_;
  Tcp::acceptor acceptor_;
  // Touched only by the endpoint's thread.
  int connections_ = 0;
  std::list<beast::tcp_stream*> waiting_;  // For a request; oldest first.
  bool has_warned_ = false;
  std::thread thread_;
};

}  // namespace

absl::Status HttpEndpoint::ValidateAddress(const std::string& address) {
  return ParseAddress(address).status();
}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Listen(
    const std::string& address, std::map<std::string, Handler> handlers) {
  absl::StatusOr<Tcp::endpoint> endpoint = ParseAddress(address);
  if (!endpoint.ok()) return endpoint.status();
  auto server = std::make_unique<BeastEndpoint>(std::move(handlers));
  if (absl::Status started = server->Start(*endpoint); !started.ok()) {
    return started;
  }
  return server;
}

}  // namespace stele
