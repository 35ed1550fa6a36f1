#include "stele/sandbox/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <random>

#include "spawn.h"

namespace stele::sandbox {
namespace {

constexpr int kFirstPort = 20000;
constexpr int kUsualFirstOutgoingPort = 32768;
constexpr int kTries = 200;

int FirstOutgoingPort() {
  int first = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first;
  return first > 0 ? first : kUsualFirstOutgoingPort;
}

// The port that was bound, or 0. With `port` 0 the kernel chooses.
int TryBind(int port) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  if (fd.get() < 0 || bind(fd.get(), raw, size) != 0) return 0;
  if (getsockname(fd.get(), raw, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

}  // namespace

absl::StatusOr<int> FreePort() {
  // On a machine with next to no room below the kernel's own range, use that.
  const int end = FirstOutgoingPort();
  const bool has_room = end - kFirstPort > 1000;
  std::random_device random;
  std::uniform_int_distribution<int> candidates(kFirstPort,
                                                has_room ? end - 1 : 65535);
  for (int i = 0; i < kTries; ++i) {
    const int port = TryBind(has_room ? candidates(random) : 0);
    if (port != 0) return port;
  }
  return absl::ResourceExhaustedError("no free port on 127.0.0.1 was found");
}

}  // namespace stele::sandbox
