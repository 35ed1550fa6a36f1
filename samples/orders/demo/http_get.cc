#include "demo/http_get.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace orders {

namespace asio = boost::asio;
namespace http = boost::beast::http;

absl::StatusOr<HttpAnswer> HttpGet(int port, const std::string& path) {
  asio::io_context io;
  boost::beast::tcp_stream stream(io);
  boost::system::error_code error = asio::error::would_block;
  http::request<http::empty_body> request(http::verb::get, path, 11);
  request.set(http::field::host, "127.0.0.1");
  http::response<http::string_body> response;
  boost::beast::flat_buffer buffer;

  // One step after the other; the stream's deadline holds for all of them.
  stream.expires_after(std::chrono::seconds(2));
  const auto read = [&](boost::system::error_code failed, std::size_t) {
    error = failed;
    if (failed) return;
    http::async_read(
        stream, buffer, response,
        [&](boost::system::error_code e, std::size_t) { error = e; });
  };
  stream.async_connect(
      asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(),
                              static_cast<unsigned short>(port)),
      [&](boost::system::error_code failed) {
        error = failed;
        if (!failed) http::async_write(stream, request, read);
      });
  io.run();
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("GET ", path, " on port ", port, ": ", error.message()));
  }
  return HttpAnswer{static_cast<int>(response.result_int()), response.body()};
}

}  // namespace orders
