#ifndef STELE_TESTS_RUNTIME_HTTP_ASK_H_
#define STELE_TESTS_RUNTIME_HTTP_ASK_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/read.hpp"
#include "boost/asio/write.hpp"

namespace stele::testing {

// What a server on 127.0.0.1 answers to the raw bytes of a request; "" if it
// does not.
inline std::string Ask(std::uint16_t port, const std::string& request) {
  using Tcp = boost::asio::ip::tcp;
  boost::asio::io_context io;
  Tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), port}, error);
  if (error) return "";
  boost::asio::write(socket, boost::asio::buffer(request), error);
  std::string answer;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  return answer;
}

inline std::string Get(std::uint16_t port, const std::string& path) {
  return Ask(port, absl::StrCat("GET ", path,
                                " HTTP/1.1\r\nHost: x\r\n"
                                "Connection: close\r\n\r\n"));
}

}  // namespace stele::testing

#endif  // STELE_TESTS_RUNTIME_HTTP_ASK_H_
