#include "stele/runtime/http_endpoint.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "boost/asio/connect.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/read.hpp"
#include "boost/asio/write.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stele {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Tcp = boost::asio::ip::tcp;

// What the endpoint answers to the raw bytes of a request.
std::string Ask(std::uint16_t port, const std::string& request) {
  boost::asio::io_context io;
  Tcp::socket socket(io);
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
  boost::asio::write(socket, boost::asio::buffer(request));
  std::string answer;
  boost::system::error_code error;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  return answer;
}

std::string Get(std::uint16_t port, const std::string& path) {
  return Ask(port, absl::StrCat("GET ", path,
                                " HTTP/1.1\r\nHost: x\r\n"
                                "Connection: close\r\n\r\n"));
}

std::unique_ptr<HttpEndpoint> Endpoint() {
  auto endpoint = HttpEndpoint::Listen(
      "127.0.0.1:0",
      {{"/livez", [] { return HttpResponse{.body = "alive\n"}; }},
       {"/readyz",
        [] { return HttpResponse{.status = 503, .body = "no\n"}; }}});
  EXPECT_TRUE(endpoint.ok()) << endpoint.status();
  return *std::move(endpoint);
}

TEST(HttpEndpointTest, AnswersItsPaths) {
  auto endpoint = Endpoint();
  EXPECT_THAT(Get(endpoint->port(), "/livez"),
              ::testing::AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("alive")));
  EXPECT_THAT(Get(endpoint->port(), "/readyz?verbose=1"),
              StartsWith("HTTP/1.1 503"));
}

TEST(HttpEndpointTest, NamesItsPathsWhenAskedForAnother) {
  auto endpoint = Endpoint();
  EXPECT_THAT(Get(endpoint->port(), "/"),
              ::testing::AllOf(StartsWith("HTTP/1.1 404"),
                               HasSubstr("/livez\n/readyz")));
}

TEST(HttpEndpointTest, RefusesOtherMethodsAndRubbish) {
  auto endpoint = Endpoint();
  EXPECT_THAT(Ask(endpoint->port(),
                  "DELETE /livez HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
  EXPECT_EQ(Ask(endpoint->port(), "\x01\x02rubbish\r\n\r\n"), "");
  EXPECT_EQ(Ask(endpoint->port(),
                "GET /livez HTTP/1.1\r\nX: " + std::string(20'000, 'x')),
            "");
  EXPECT_THAT(Get(endpoint->port(), "/livez"), HasSubstr("alive"));
}

TEST(HttpEndpointTest, RefusesAMalformedAddressAndATakenPort) {
  EXPECT_EQ(HttpEndpoint::Listen("localhost", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpEndpoint::Listen("127.0.0.1:99999", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  auto first = Endpoint();
  EXPECT_EQ(HttpEndpoint::Listen(absl::StrCat("127.0.0.1:", first->port()), {})
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace stele
