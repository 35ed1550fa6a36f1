#include "stele/runtime/runtime.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "runtime_impl.h"
#include "stele/base/check.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"

namespace stele {
namespace {

// "orders@host-4711-5f3a9c01d2e4": unique among all processes of all hosts.
std::string OwnerName(const std::string& service) {
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  return absl::StrCat(service, "@", host, "-", ::getpid(), "-",
                      RandomIds().Next().ToString().substr(24));
}

}  // namespace

Runtime::Impl::Impl(std::shared_ptr<EventStore> the_store,
                    RuntimeOptions the_options)
    : store(std::move(the_store)),
      options(std::move(the_options)),
      metrics(options.metrics == nullptr ? NoMetrics() : *options.metrics),
      owner(OwnerName(options.service)),
      supervisor(metrics) {}

Runtime::Runtime(std::shared_ptr<EventStore> store, RuntimeOptions options)
    : impl_(std::make_unique<Impl>(std::move(store), std::move(options))) {}

Runtime::~Runtime() {
  // The supervisor's destructor waits for what does not stop in time.
  if (impl_->is_started) Stop(absl::ZeroDuration()).IgnoreError();
}

Runtime& Runtime::AddAggregate(AggregateType type) {
  STELE_CHECK(!impl_->is_started);
  impl_->aggregates.push_back(std::move(type));
  return *this;
}

Runtime& Runtime::AddProjection(ProjectionType type, ProjectionRun run) {
  STELE_CHECK(!impl_->is_started);
  impl_->setups.push_back({std::move(type), run == ProjectionRun::kInline});
  return *this;
}

Runtime& Runtime::AddSaga(SagaType type) {
  STELE_CHECK(!impl_->is_started);
  impl_->sagas.push_back(std::move(type));
  return *this;
}

Runtime& Runtime::RelayTo(std::shared_ptr<Broker> broker, RelayRoutes routes,
                          std::string name) {
  STELE_CHECK(!impl_->is_started);
  impl_->relays.push_back(
      {std::move(broker), std::move(routes), std::move(name)});
  return *this;
}

Runtime& Runtime::Consume(std::shared_ptr<Broker> broker, InboxOptions options,
                          std::function<void(Inbox&)> add_handlers) {
  STELE_CHECK(!impl_->is_started);
  impl_->inboxes.push_back(
      {std::move(broker), std::move(options), std::move(add_handlers)});
  return *this;
}

Runtime& Runtime::Run(std::string name,
                      std::function<absl::Status(std::stop_token)> work) {
  STELE_CHECK(!impl_->is_started);
  impl_->works.push_back({std::move(name), std::move(work)});
  return *this;
}

absl::Status Runtime::Start() {
  STELE_CHECK(!impl_->is_started);
  Problems problems;
  impl_->MakeProjections(problems);
  impl_->MakeDispatcher(problems);
  impl_->MakeSagas(problems);
  impl_->MakeRelays(problems);
  impl_->MakeInboxes(problems);
  impl_->MakeWorks(problems);
  STELE_RETURN_IF_ERROR(problems.Summary());
  STELE_RETURN_IF_ERROR(impl_->JoinConsumers());
  impl_->supervisor.Start();
  impl_->is_started = true;
  return absl::OkStatus();
}

void Runtime::AnnounceStop() { impl_->is_stopping = true; }

absl::Status Runtime::Stop(absl::Duration grace) {
  AnnounceStop();
  const absl::Status stopped = impl_->supervisor.Stop(grace);
  impl_->store->Interrupt();
  return stopped;
}

Dispatcher& Runtime::dispatcher() {
  STELE_CHECK(impl_->dispatcher != nullptr);
  return *impl_->dispatcher;
}

EventStore& Runtime::store() {
  STELE_CHECK(impl_->projections != nullptr);
  return impl_->projections->store();
}

absl::Status Runtime::FindRow(std::string_view table, std::string_view key,
                              google::protobuf::Message& row) {
  STELE_CHECK(impl_->projections != nullptr);
  return impl_->projections->reader().Find(table, key, row);
}

absl::Status Runtime::WaitForProjection(std::string_view projection,
                                        std::int64_t position,
                                        absl::Duration at_most) {
  STELE_CHECK(impl_->projections != nullptr);
  return impl_->projections->WaitFor(projection, position,
                                     SystemClock().Now() + at_most);
}

}  // namespace stele
