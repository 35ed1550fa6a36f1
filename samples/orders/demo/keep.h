#ifndef ORDERS_DEMO_KEEP_H_
#define ORDERS_DEMO_KEEP_H_

#include <string>

namespace orders {

// Waits until whoever runs the demo wants it to end: for Enter if standard
// input is a terminal; or else, as that may be at its end, for SIGINT or
// SIGTERM. From the first of these on they end the process as usual.
//
// One at a time in a process; not thread-safe.
class EndOfKeep {
 public:
  EndOfKeep();  // From here on no signal is lost.

  // For people: "until you press Enter".
  std::string How() const;
  void Await();

 private:
  const bool is_terminal_;
};

}  // namespace orders

#endif  // ORDERS_DEMO_KEEP_H_
