// Shows absl::Mutex to ThreadSanitizer.
//
// Debian's Abseil is compiled without it, so that the sanitizer sees neither
// who holds a mutex nor that unlocking happens before locking, and takes all
// that a mutex protects for a race. The functions below stand before those of
// Abseil's shared library, call them, and tell the sanitizer what it missed.
// Linked into every program of a build with -fsanitize=thread.

#include <dlfcn.h>

#include "absl/synchronization/mutex.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

// The function of Abseil that ours stands before, by its mangled name.
template <typename Function>
Function* Original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Conditions that others wait for are evaluated by whoever unlocks; what they
// read is protected by the mutex, though by then it is announced as free.
class IgnoreReads {
 public:
  IgnoreReads() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoreReads() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
  IgnoreReads(const IgnoreReads&) = delete;
  IgnoreReads& operator=(const IgnoreReads&) = delete;
};

}  // namespace

#define STELE_MUTEX "_ZN4absl7debian35Mutex"
#define STELE_COND_VAR "_ZN4absl7debian37CondVar"
#define STELE_CONDITION "ERKNS0_9ConditionE"

namespace absl {

void Mutex::Lock() {
  static auto* const original = Original<void(Mutex*)>(STELE_MUTEX "4LockEv");
  original(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static auto* const original = Original<void(Mutex*)>(STELE_MUTEX "6UnlockEv");
  __tsan_release(this);
  const IgnoreReads ignored;
  original(this);
}

bool Mutex::TryLock() {
  static auto* const original =
      Original<bool(Mutex*)>(STELE_MUTEX "7TryLockEv");
  if (!original(this)) return false;
  __tsan_acquire(this);
  return true;
}

void Mutex::ReaderLock() {
  static auto* const original =
      Original<void(Mutex*)>(STELE_MUTEX "10ReaderLockEv");
  original(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  static auto* const original =
      Original<void(Mutex*)>(STELE_MUTEX "12ReaderUnlockEv");
  __tsan_release(this);
  const IgnoreReads ignored;
  original(this);
}

void Mutex::Await(const Condition& condition) {
  static auto* const original = Original<void(Mutex*, const Condition&)>(
      STELE_MUTEX "5Await" STELE_CONDITION);
  __tsan_release(this);
  {
    const IgnoreReads ignored;
    original(this, condition);
  }
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const original =
      Original<bool(Mutex*, const Condition&, Duration)>(
          STELE_MUTEX "16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  bool is_true = false;
  {
    const IgnoreReads ignored;
    is_true = original(this, condition, timeout);
  }
  __tsan_acquire(this);
  return is_true;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static auto* const original = Original<bool(Mutex*, const Condition&, Time)>(
      STELE_MUTEX "17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  __tsan_release(this);
  bool is_true = false;
  {
    const IgnoreReads ignored;
    is_true = original(this, condition, deadline);
  }
  __tsan_acquire(this);
  return is_true;
}

void Mutex::LockWhen(const Condition& condition) {
  static auto* const original = Original<void(Mutex*, const Condition&)>(
      STELE_MUTEX "8LockWhen" STELE_CONDITION);
  {
    const IgnoreReads ignored;
    original(this, condition);
  }
  __tsan_acquire(this);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const original =
      Original<bool(Mutex*, const Condition&, Duration)>(
          STELE_MUTEX "19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  bool is_true = false;
  {
    const IgnoreReads ignored;
    is_true = original(this, condition, timeout);
  }
  __tsan_acquire(this);
  return is_true;
}

void CondVar::Wait(Mutex* mutex) {
  static auto* const original =
      Original<void(CondVar*, Mutex*)>(STELE_COND_VAR "4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  original(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const original = Original<bool(CondVar*, Mutex*, Duration)>(
      STELE_COND_VAR "15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool is_over = original(this, mutex, timeout);
  __tsan_acquire(mutex);
  return is_over;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const original = Original<bool(CondVar*, Mutex*, Time)>(
      STELE_COND_VAR "16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool is_over = original(this, mutex, deadline);
  __tsan_acquire(mutex);
  return is_over;
}

}  // namespace absl
