#include "service_pages.h"

#include <boost/json.hpp>

#include "absl/strings/str_cat.h"

namespace stele {

void ServicePages::SetStage(std::string stage) {
  absl::MutexLock lock(&mutex_);
  stage_ = std::move(stage);
}

void ServicePages::SetRuntime(const Runtime* runtime) {
  absl::MutexLock lock(&mutex_);
  runtime_ = runtime;
}

HttpResponse ServicePages::Readiness() const {
  absl::MutexLock lock(&mutex_);
  const absl::Status ready =
      runtime_ == nullptr ? absl::UnavailableError(stage_) : runtime_->Ready();
  if (ready.ok()) return {.body = "ready\n"};
  return {.status = 503,
          .body = absl::StrCat(std::string(ready.message()), "\n")};
}

HttpResponse ServicePages::Status() const {
  absl::MutexLock lock(&mutex_);
  HttpResponse response = {.content_type = "application/json", .body = ""};
  if (runtime_ != nullptr) {
    response.body = runtime_->StatusJson();
  } else {
    response.body =
        boost::json::serialize(boost::json::object{{"service", service_},
                                                   {"stage", stage_},
                                                   {"is_started", false},
                                                   {"is_stopping", false}});
  }
  return response;
}

std::map<std::string, HttpEndpoint::Handler> ServicePages::Handlers() const {
  return {
      {"/livez", [] { return HttpResponse{.body = "alive\n"}; }},
      {"/readyz", [this] { return Readiness(); }},
      {"/statusz", [this] { return Status(); }},
      {"/metrics",
       [this] {
         return HttpResponse{
             .content_type = "text/plain; version=0.0.4; charset=utf-8",
             .body = metrics_.Render()};
       }},
  };
}

}  // namespace stele
