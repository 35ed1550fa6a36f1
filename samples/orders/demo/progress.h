#ifndef ORDERS_DEMO_PROGRESS_H_
#define ORDERS_DEMO_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace orders {

// A line on standard error that shows how far something is: redrawn in place on
// a terminal, and written now and then into a file. Not thread-safe.
class ProgressLine {
 public:
  ProgressLine(std::string what, std::int64_t total);
  ~ProgressLine();  // Ends the line.

  void Show(std::int64_t done, const std::string& note = "");

 private:
  void Write(std::int64_t done, const std::string& note);

  const std::string what_;
  const std::int64_t total_;
  const bool is_terminal_;
  const absl::Time began_;
  absl::Time shown_at_ = absl::InfinitePast();
  std::int64_t last_done_ = 0;
  std::string last_note_;
};

}  // namespace orders

#endif  // ORDERS_DEMO_PROGRESS_H_
