#include "supervisor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "stele/base/check.h"
#include "stele/base/clock.h"
#include "stele/base/invoke_user.h"
#include "stele/base/log.h"

namespace stele {

Supervisor::Supervisor(Metrics& metrics, BackoffOptions backoff)
    : metrics_(metrics), backoff_(backoff) {}

Supervisor::~Supervisor() {
  for (auto& part : parts_) part->thread.request_stop();
  for (auto& part : parts_) {
    if (part->thread.joinable()) part->thread.join();
  }
}

void Supervisor::Add(std::string name, Run run) {
  auto part = std::make_unique<Part>();
  part->run = std::move(run);
  part->name = std::move(name);
  part->status.name = part->name;
  part->status.since = SystemClock().Now();
  part->has_ended = true;  // Until it is started.
  parts_.push_back(std::move(part));
}

void Supervisor::Start() {
  for (auto& part : parts_) {
    STELE_CHECK(!part->thread.joinable());
    {
      absl::MutexLock lock(&mutex_);
      part->has_ended = false;
    }
    part->thread = std::jthread(
        [this, raw = part.get()](std::stop_token stop) { Loop(*raw, stop); });
  }
}

void Supervisor::NoteBegin(Part& part) {
  absl::MutexLock lock(&mutex_);
  part.status.is_running = true;
  part.status.since = SystemClock().Now();
}

void Supervisor::NoteEnd(Part& part, const absl::Status& ended,
                         bool is_stopping) {
  absl::MutexLock lock(&mutex_);
  part.status.is_running = false;
  part.status.since = SystemClock().Now();
  part.status.has_finished = ended.ok() && !is_stopping;
  if (!ended.ok()) part.status.last_error = ended;
}

void Supervisor::Loop(Part& part, std::stop_token stop) {
  Backoff backoff(backoff_);
  const MetricLabels labels = {{"part", part.name}};
  Counter& restarts =
      metrics_.GetCounter("stele_part_restarts_total",
                          "Times a part of the runtime was restarted.", labels);
  Gauge& running = metrics_.GetGauge(
      "stele_part_running", "1 while the part runs, otherwise 0.", labels);
  while (!stop.stop_requested()) {
    NoteBegin(part);
    running.Set(1);
    const absl::Time began = SystemClock().Now();
    const absl::Status ended =
        InvokeUser(part.name, [&] { return part.run(stop); });
    running.Set(0);
    NoteEnd(part, ended, stop.stop_requested());
    if (stop.stop_requested() || ended.ok()) break;

    // A part that worked for a while has recovered from what ailed it before.
    if (SystemClock().Now() - began > 2 * backoff_.most) backoff.Reset();
    const absl::Duration wait = backoff.Next();
    Log(LogLevel::kError, "part failed, restarting",
        {{"part", part.name},
         {"error", ended.ToString()},
         {"wait", absl::FormatDuration(wait)}});
    restarts.Add();
    absl::MutexLock lock(&mutex_);
    ++part.status.restarts;
    const auto stopping = [&stop] { return stop.stop_requested(); };
    mutex_.AwaitWithTimeout(absl::Condition(&stopping), wait);
  }
  absl::MutexLock lock(&mutex_);
  part.has_ended = true;
}

absl::Status Supervisor::Stop(absl::Duration grace) {
  for (auto& part : parts_) part->thread.request_stop();
  const absl::Time deadline = SystemClock().Now() + grace;
  absl::MutexLock lock(&mutex_);  // Also wakes those that wait to restart.
  const auto all_ended = [this] {
    for (const auto& part : parts_) {
      if (!part->has_ended) return false;
    }
    return true;
  };
  if (mutex_.AwaitWithDeadline(absl::Condition(&all_ended), deadline)) {
    return absl::OkStatus();
  }
  std::vector<std::string> late;
  for (const auto& part : parts_) {
    if (!part->has_ended) late.push_back(part->status.name);
  }
  return absl::DeadlineExceededError(
      absl::StrCat("still running after ", absl::FormatDuration(grace), ": ",
                   absl::StrJoin(late, ", ")));
}

std::vector<PartStatus> Supervisor::Status() const {
  absl::MutexLock lock(&mutex_);
  std::vector<PartStatus> all;
  for (const auto& part : parts_) all.push_back(part->status);
  return all;
}

}  // namespace stele
