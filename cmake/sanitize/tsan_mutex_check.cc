// Run when a build with -fsanitize=thread is configured: proves that the
// sanitizer understands absl::Mutex, and that it still sees a real race.

#include <cstring>
#include <thread>

#include "absl/synchronization/mutex.h"

int main(int argc, char** argv) {
  const bool is_locked = argc < 2 || std::strcmp(argv[1], "race") != 0;
  absl::Mutex mutex;
  int count = 0;
  const auto add = [&] {
    for (int i = 0; i < 1000; ++i) {
      if (is_locked) mutex.Lock();
      ++count;
      if (is_locked) mutex.Unlock();
    }
  };
  std::thread other(add);
  add();
  if (is_locked) {
    mutex.LockWhen(absl::Condition(
        +[](int* value) { return *value == 2000; }, &count));
    mutex.Unlock();
  }
  other.join();
  return count > 0 ? 0 : 1;
}
