#ifndef STELE_TESTS_SUPPORT_UNTIL_TOLD_H_
#define STELE_TESTS_SUPPORT_UNTIL_TOLD_H_

#include <signal.h>
#include <unistd.h>

#include <thread>

#include "absl/status/status.h"

namespace stele::testing {

// For child processes of tests, which run until SIGTERM tells them to stop.

// Keeps the signal for RunUntilTold(): before any thread is made, so that all
// of them inherit it.
inline sigset_t BlockSigterm() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Runs until the signal, or until Run() ends by itself.
template <typename Runnable>
absl::Status RunUntilTold(Runnable& runnable) {
  const sigset_t signals = BlockSigterm();
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    runnable.Stop();
  });
  const absl::Status ended = runnable.Run();
  kill(getpid(), SIGTERM);  // Wakes the waiter if Run() ended by itself.
  waiter.join();
  return ended;
}

}  // namespace stele::testing

#endif  // STELE_TESTS_SUPPORT_UNTIL_TOLD_H_
