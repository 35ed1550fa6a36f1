#ifndef STELE_TESTS_SUPPORT_TCP_PROXY_H_
#define STELE_TESTS_SUPPORT_TCP_PROXY_H_

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace stele::testing {

// A network in between that can fail: what connects to port() of 127.0.0.1 is
// connected with another port there, until told otherwise.
//
// Thread-safe.
class TcpProxy {
 public:
  // Errors: kResourceExhausted if no port can be had.
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Start(int target_port);

  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }

  // From now on nothing is passed on, in either direction, though connections
  // stay open and new ones are made: a black hole. Returns when that is so.
  void Freeze();
  // Passes on what came meanwhile, and all that follows.
  void Resume();
  // Ends all connections there are.
  void Cut();

 private:
  // Two ends, and what was read from one and not yet written to the other.
  struct Link {
    int ends[2];
    std::string unsent[2];  // For `ends[i]`.
    bool is_over = false;
  };

  TcpProxy(int listener, int port, int target_port, int wake_in, int wake_out);
  void Run();
  void Accept();
  static void Pass(Link& link, int from, short events);
  void Wake();

  const int listener_;
  const int port_;
  const int target_port_;
  const int wake_in_;   // Written to end a poll().
  const int wake_out_;  // The other end of it.
  std::atomic<bool> is_stopping_ = false;

  absl::Mutex mutex_;
  bool is_frozen_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Link> links_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_SUPPORT_TCP_PROXY_H_
