#include "stele/runtime/http_endpoint.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/http_ask.h"

namespace stele {
namespace {

using testing::Ask;
using testing::Get;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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

TEST(HttpEndpointTest, ClientsThatAskNothingKeepNoProbeOut) {
  using Tcp = boost::asio::ip::tcp;
  auto endpoint = Endpoint();
  boost::asio::io_context io;
  std::vector<Tcp::socket> idle;
  for (int i = 0; i < 200; ++i) {
    idle.emplace_back(io);
    idle.back().connect(
        {boost::asio::ip::make_address("127.0.0.1"), endpoint->port()});
    // Half of them begin to ask.
    if (i % 2 == 0) idle.back().send(boost::asio::buffer("GET /liv", 8));
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Get(endpoint->port(), "/livez"), HasSubstr("alive"));
  }
}

TEST(HttpEndpointTest, RefusesAMalformedAddressAndATakenPort) {
  EXPECT_EQ(HttpEndpoint::Listen("localhost", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  const absl::Status too_large =
      HttpEndpoint::ValidateAddress("127.0.0.1:70000");
  EXPECT_EQ(too_large.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(too_large.message()), HasSubstr("out of range"));
  auto first = Endpoint();
  EXPECT_EQ(HttpEndpoint::Listen(absl::StrCat("127.0.0.1:", first->port()), {})
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace stele
