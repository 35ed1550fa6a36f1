// A runtime seen from outside: ready or not, and why.
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime_impl.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

namespace json = boost::json;

json::object ToJson(const ProjectionActivity& activity) {
  json::array feeds;
  for (const ConsumerActivity& feed : activity.feeds) {
    feeds.push_back(stele::ToJson(feed));
  }
  return json::object{{"name", activity.name},
                      {"fingerprint", activity.fingerprint},
                      {"is_inline", activity.is_inline},
                      {"is_live", activity.is_live},
                      {"note", ToValidUtf8(activity.note)},
                      {"feeds", std::move(feeds)}};
}

json::object ToJson(const PartStatus& part) {
  return json::object{
      {"name", part.name},
      {"is_running", part.is_running},
      {"has_finished", part.has_finished},
      {"restarts", part.restarts},
      {"last_error",
       part.last_error.ok() ? "" : ToValidUtf8(part.last_error.ToString())}};
}

}  // namespace

absl::Status Runtime::Ready() const {
  if (!impl_->is_started) return absl::UnavailableError("not started");
  if (impl_->is_stopping) return absl::UnavailableError("stopping");
  std::vector<std::string> problems;
  for (const PartStatus& part : impl_->supervisor.Status()) {
    if (part.is_running || part.has_finished) continue;
    problems.push_back(absl::StrCat(
        part.name,
        part.last_error.ok()
            ? " has not begun"
            : absl::StrCat(" is down: ", part.last_error.ToString())));
  }
  for (const auto& worker : impl_->workers) {
    if (auto why = worker->Problem(impl_->options.stall_allowed)) {
      problems.push_back(absl::StrCat(worker->name(), " ", *why));
    }
  }
  for (const ProjectionActivity& activity : impl_->projections->Activity()) {
    for (const ConsumerActivity& feed : activity.feeds) {
      if (auto why = WhyNotReady(feed, impl_->options.stall_allowed)) {
        problems.push_back(
            absl::StrCat("projection ", activity.name, " ", *why));
      }
    }
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrJoin(problems, "\n"));
}

std::string Runtime::StatusJson() const {
  json::object status{{"service", impl_->options.service},
                      {"owner", impl_->owner},
                      {"is_started", impl_->is_started.load()},
                      {"is_stopping", impl_->is_stopping.load()}};
  if (!impl_->is_started) return json::serialize(status);
  json::array parts;
  for (const PartStatus& part : impl_->supervisor.Status()) {
    parts.push_back(ToJson(part));
  }
  json::object workers;
  for (const auto& worker : impl_->workers) {
    workers[worker->name()] = worker->Describe();
  }
  json::array projections;
  for (const ProjectionActivity& activity : impl_->projections->Activity()) {
    projections.push_back(ToJson(activity));
  }
  status["parts"] = std::move(parts);
  status["workers"] = std::move(workers);
  status["projections"] = std::move(projections);
  return json::serialize(status);
}

}  // namespace stele
