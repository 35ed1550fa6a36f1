#include "demo/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace orders {

ProgressLine::ProgressLine(std::string what, std::int64_t total)
    : what_(std::move(what)),
      total_(total),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      began_(absl::Now()) {}

ProgressLine::~ProgressLine() {
  Write(last_done_, last_note_);
  if (is_terminal_) std::fputc('\n', stderr);
}

void ProgressLine::Show(std::int64_t done, const std::string& note) {
  last_done_ = done;
  last_note_ = note;
  const absl::Duration pause =
      is_terminal_ ? absl::Milliseconds(100) : absl::Seconds(5);
  if (absl::Now() - shown_at_ < pause) return;
  shown_at_ = absl::Now();
  Write(done, note);
}

void ProgressLine::Write(std::int64_t done, const std::string& note) {
  std::fflush(stdout);  // What was said before must stand before.
  constexpr int kWidth = 30;
  const double part = total_ > 0
                          ? std::min(1.0, static_cast<double>(done) /
                                              static_cast<double>(total_))
                          : 1.0;
  const int filled = static_cast<int>(part * kWidth);
  const std::string bar =
      absl::StrCat(std::string(filled, '#'), std::string(kWidth - filled, '.'));
  const std::string line =
      absl::StrFormat("%-18s [%s] %d/%d  %.1f s  %s", what_, bar, done, total_,
                      absl::ToDoubleSeconds(absl::Now() - began_), note);
  if (is_terminal_) {
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace orders
