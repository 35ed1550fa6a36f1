#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "stele/base/check.h"

namespace stele::testing {
namespace {

// What one direction may hold, so that a reader who is slow slows the writer.
constexpr std::size_t kUnsentMax = 256 << 10;

sockaddr_in Local(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int PortOf(int listener) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  STELE_CHECK(
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpProxy>> TcpProxy::Start(int target_port) {
  const int listener =
      socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_in any = Local(0);
  int wake[2];
  if (listener < 0 ||
      bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) !=
          0 ||
      listen(listener, SOMAXCONN) != 0 ||
      pipe2(wake, O_NONBLOCK | O_CLOEXEC) != 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "a proxy");
    if (listener >= 0) close(listener);
    return absl::ResourceExhaustedError(status.message());
  }
  return std::unique_ptr<TcpProxy>(
      new TcpProxy(listener, PortOf(listener), target_port, wake[1], wake[0]));
}

TcpProxy::TcpProxy(int listener, int port, int target_port, int wake_in,
                   int wake_out)
    : listener_(listener),
      port_(port),
      target_port_(target_port),
      wake_in_(wake_in),
      wake_out_(wake_out),
      thread_([this] { Run(); }) {}

TcpProxy::~TcpProxy() {
  is_stopping_ = true;
  Wake();
  thread_.join();
  Cut();
  close(listener_);
  close(wake_in_);
  close(wake_out_);
}

void TcpProxy::Wake() {
  const ssize_t written = write(wake_in_, "", 1);
  STELE_CHECK(written == 1 || errno == EAGAIN);
}

void TcpProxy::Freeze() {
  absl::MutexLock lock(&mutex_);
  is_frozen_ = true;
}

void TcpProxy::Resume() {
  {
    absl::MutexLock lock(&mutex_);
    is_frozen_ = false;
  }
  Wake();
}

void TcpProxy::Cut() {
  absl::MutexLock lock(&mutex_);
  for (const Link& link : links_) {
    close(link.ends[0]);
    close(link.ends[1]);
  }
  links_.clear();
}

void TcpProxy::Run() {
  while (!is_stopping_) {
    std::vector<pollfd> polled = {{wake_out_, POLLIN, 0},
                                  {listener_, POLLIN, 0}};
    {
      absl::MutexLock lock(&mutex_);
      if (is_frozen_) polled.pop_back();
      for (const Link& link : links_) {
        if (is_frozen_) break;
        for (int i = 0; i < 2; ++i) {
          short events = link.unsent[1 - i].size() < kUnsentMax ? POLLIN : 0;
          if (!link.unsent[i].empty()) events |= POLLOUT;
          polled.push_back({link.ends[i], events, 0});
        }
      }
    }
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    char bytes[64];
    while (read(wake_out_, bytes, sizeof(bytes)) > 0) {
    }
    absl::MutexLock lock(&mutex_);
    if (is_frozen_) continue;
    if (polled.size() > 1 && polled[1].revents != 0) Accept();
    // What was cut meanwhile is not there any more; descriptors tell.
    for (Link& link : links_) {
      for (int i = 0; i < 2; ++i) {
        for (const pollfd& p : polled) {
          if (p.fd == link.ends[i]) Pass(link, i, p.revents);
        }
      }
    }
    links_.remove_if([](const Link& link) {
      if (!link.is_over) return false;
      close(link.ends[0]);
      close(link.ends[1]);
      return true;
    });
  }
}

void TcpProxy::Accept() {
  const int client =
      accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in target = Local(target_port_);
  // On this very machine: made or refused at once.
  if (server < 0 || connect(server, reinterpret_cast<const sockaddr*>(&target),
                            sizeof(target)) != 0) {
    if (server >= 0) close(server);
    close(client);
    return;
  }
  fcntl(server, F_SETFL, O_NONBLOCK);
  links_.push_back({{client, server}, {}, false});
}

// Reads from `link.ends[from]` for the other end, and writes to it what waits.
void TcpProxy::Pass(Link& link, int from, short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
    char bytes[16 << 10];
    const ssize_t size = read(link.ends[from], bytes, sizeof(bytes));
    if (size == 0 || (size < 0 && errno != EAGAIN)) link.is_over = true;
    if (size > 0) link.unsent[1 - from].append(bytes, size);
  }
  for (int to = 0; to < 2; ++to) {
    std::string& unsent = link.unsent[to];
    if (unsent.empty()) continue;
    const ssize_t size =
        send(link.ends[to], unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (size > 0) unsent.erase(0, static_cast<std::size_t>(size));
    if (size < 0 && errno != EAGAIN) link.is_over = true;
  }
}

}  // namespace stele::testing
