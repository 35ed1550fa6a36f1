#include "rebuild.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

constexpr absl::Duration kLookEvery = absl::Milliseconds(200);
constexpr absl::Duration kSayEvery = absl::Seconds(10);
// A process says that it is alive more often than this.
constexpr absl::Duration kAbsenceAllowed = absl::Seconds(15);
// What is parked is tried again by itself, soon at first.
constexpr absl::Duration kBlockedAllowed = absl::Seconds(5);

volatile sig_atomic_t is_interrupted = 0;

// Ctrl-C ends the waiting, not the rebuild.
class InterruptGuard {
 public:
  InterruptGuard() {
    struct sigaction note = {};
    note.sa_handler = [](int) { is_interrupted = 1; };
    sigaction(SIGINT, &note, &before_);
  }
  ~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_ = {};
};

void WaitOrInterrupt(absl::Duration wait) {
  const timespec time = absl::ToTimespec(wait);
  ::nanosleep(&time, nullptr);  // Cut short by a signal.
}

std::string ProgressLine(const BuildProgress& at) {
  constexpr int kWidth = 32;
  const double part = at.target > 0
                          ? std::min(1.0, static_cast<double>(at.position) /
                                              static_cast<double>(at.target))
                          : 1.0;
  const auto filled = static_cast<std::size_t>(part * kWidth);
  const std::string left =
      at.time_left == absl::InfiniteDuration()
          ? "time left unknown"
          : absl::StrCat(absl::FormatDuration(
                             absl::Trunc(at.time_left, absl::Seconds(1))),
                         " left");
  return absl::StrFormat("%s [%s%s] %3.0f%%  %d/%d  %.0f/s  %s", at.phase,
                         std::string(filled, '#'),
                         std::string(kWidth - filled, '.'), part * 100,
                         at.position, at.target, at.positions_per_second, left);
}

// On standard error: a bar that is redrawn on a terminal, elsewhere a line for
// each new phase and now and then.
class ProgressBar {
 public:
  ~ProgressBar() {
    if (is_terminal_ && !phase_.empty()) std::fputs("\n", stderr);
  }

  void Show(const ProjectionStatus& status) {
    if (!status.progress) return;
    std::string line = ProgressLine(*status.progress);
    if (!status.last_error.empty()) {
      absl::StrAppend(&line, "  ", Printable(status.last_error));
    }
    const absl::Time now = SystemClock().Now();
    const bool is_news = status.progress->phase != phase_;
    if (is_terminal_) {
      absl::FPrintF(stderr, "\r\033[K%s", line);
    } else if (is_news || now - said_at_ >= kSayEvery) {
      absl::FPrintF(stderr, "stele: %s\n", line);
      said_at_ = now;
    }
    std::fflush(stderr);
    phase_ = status.progress->phase;
  }

 private:
  const bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
  std::string phase_;
  absl::Time said_at_ = absl::InfinitePast();
};

// How the rebuild ended, or nothing while it goes on.
absl::Status EndOf(const ProjectionStatus& status) {
  if (status.building || status.is_rebuild_requested) return absl::OkStatus();
  const bool has_failed =
      !status.last_error.empty() && status.last_error != "aborted";
  return absl::AbortedError(
      absl::StrCat(has_failed ? "the rebuild failed: " : "the rebuild was",
                   has_failed ? status.last_error : " given up",
                   "; the live table was not touched"));
}

// True iff the build is done but for the switch, which somebody must make way
// for. A process that does not lead it any more is waited for elsewhere.
bool IsBlocked(const ProjectionStatus& status) {
  return status.building && status.progress && !status.last_error.empty() &&
         status.progress->phase == absl::StrCat("waiting: ", status.last_error);
}

// Until the switch, or until it is clear that the rebuild does not get there by
// itself.
absl::StatusOr<ProjectionStatus> Follow(ProjectionAdmin& admin,
                                        const ProjectionOptions& options,
                                        int version_before) {
  const InterruptGuard guard;
  ProgressBar bar;
  const std::string goes_on = absl::StrCat(
      "it goes on: stele projections status ", options.name, " shows it");
  const absl::Time deadline =
      SystemClock().Now() + absl::Seconds(options.timeout_seconds);
  absl::Time served_at = SystemClock().Now();
  absl::Time free_at = served_at;
  for (;;) {
    STELE_ASSIGN_OR_RETURN(ProjectionStatus status, admin.Status(options.name));
    if (status.active.version > version_before) return status;
    STELE_RETURN_IF_ERROR(EndOf(status));
    const absl::Time now = SystemClock().Now();
    if (!status.processes.empty()) served_at = now;
    if (!IsBlocked(status)) free_at = now;
    if (now - free_at > kBlockedAllowed) return status;
    if (now - served_at > kAbsenceAllowed) {
      return absl::FailedPreconditionError(absl::StrCat(
          "nobody serves ", options.name, " any more; the rebuild waits for a ",
          "process that does (stele projections abort gives it up)"));
    }
    if (is_interrupted != 0) {
      return absl::CancelledError(
          absl::StrCat("no longer waiting for the rebuild; ", goes_on));
    }
    if (now >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "still building after ", options.timeout_seconds, " s; ", goes_on));
    }
    bar.Show(status);
    WaitOrInterrupt(kLookEvery);
  }
}

}  // namespace

namespace {

Report Blocked(const ProjectionStatus& status) {
  Report report;
  report.text = absl::StrCat(
      "the new table is ready but cannot be switched to: ",
      Printable(status.last_error),
      "\nonce that is done it goes on by itself; give it up with: stele "
      "projections abort ",
      status.name, "\n");
  report.diagnostics = {status.last_error};
  report.data = ToJson(status);
  report.exit = kProblem;
  return report;
}

}  // namespace

absl::StatusOr<Report> Rebuild(const Context& context,
                               const ProjectionOptions& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto admin, ProjectionAdmin::Create(*store));
  STELE_RETURN_IF_ERROR(CheckKnown(*admin, options.name));
  STELE_ASSIGN_OR_RETURN(const ProjectionStatus before,
                         admin->Status(options.name));
  STELE_RETURN_IF_ERROR(admin->RequestRebuild(options.name));
  Report report;
  if (options.no_wait) {
    report.text =
        absl::StrCat("asked for; follow it with stele projections status ",
                     options.name, "\n");
    report.data = json::object{{"name", options.name}};
    return report;
  }
  STELE_ASSIGN_OR_RETURN(const ProjectionStatus after,
                         Follow(*admin, options, before.active.version));
  if (after.active.version == before.active.version) return Blocked(after);
  report.text =
      absl::StrCat("switched from ", before.active.table, " to ",
                   after.active.table, "\n", after.comparison,
                   "\nundo with: stele projections undo ", options.name, "\n");
  report.data = ToJson(after);
  return report;
}

}  // namespace stele::cli
