#include "stele/runtime/runtime.h"

#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/check.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/projections/projections.h"
#include "stele/sagas/saga_engine.h"
#include "stele/sagas/saga_storage.h"
#include "supervisor.h"
#include "worker.h"

namespace stele {
namespace {

namespace json = boost::json;

// "orders@host-4711-5f3a9c01d2e4": unique among all processes of all hosts.
std::string OwnerName(const std::string& service) {
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  return absl::StrCat(service, "@", host, "-", ::getpid(), "-",
                      RandomIds().Next().ToString().substr(24));
}

json::object ToJson(const ProjectionActivity& activity) {
  json::array feeds;
  for (const ConsumerSnapshot& feed : activity.feeds) {
    feeds.push_back(stele::ToJson(feed));
  }
  return json::object{
      {"name", activity.name},           {"fingerprint", activity.fingerprint},
      {"is_inline", activity.is_inline}, {"is_live", activity.is_live},
      {"note", activity.note},           {"feeds", std::move(feeds)}};
}

struct RelaySetup {
  std::shared_ptr<Broker> broker;
  RelayRoutes routes;
};

struct InboxSetup {
  std::shared_ptr<Broker> broker;
  InboxOptions options;
  std::function<void(Inbox&)> add_handlers;
};

struct WorkSetup {
  std::string name;
  std::function<absl::Status(std::stop_token)> work;
};

}  // namespace

struct Runtime::Impl {
  Impl(std::shared_ptr<EventStore> the_store, RuntimeOptions the_options)
      : store(std::move(the_store)),
        options(std::move(the_options)),
        metrics(options.metrics == nullptr ? NoMetrics() : *options.metrics),
        owner(OwnerName(options.service)),
        supervisor(metrics) {}

  absl::Status MakeProjections();
  absl::Status MakeDispatcher();
  absl::Status MakeSaga(const SagaType& type);
  absl::Status MakeRelay(const RelaySetup& setup);
  absl::Status MakeInbox(const InboxSetup& setup);
  // Has a T run under supervision. It is made once here, to find out whether
  // it can be, and once for every run.
  template <typename T>
  absl::Status Supervise(std::string name,
                         typename OneShotWorker<T>::Make make);

  const std::shared_ptr<EventStore> store;
  const RuntimeOptions options;
  Metrics& metrics;
  const std::string owner;

  // What was added, until Start() makes parts of it.
  std::vector<AggregateType> aggregates;
  std::vector<ProjectionSetup> setups;
  std::vector<SagaType> sagas;
  std::vector<RelaySetup> relays;
  std::vector<InboxSetup> inboxes;
  std::vector<WorkSetup> works;

  // In the order in which they depend on each other; the supervisor, whose
  // threads use all of it, goes first.
  std::unique_ptr<Projections> projections;
  std::unique_ptr<AggregateDispatcher> dispatcher;
  std::shared_ptr<SagaStorage> saga_storage;
  std::vector<std::unique_ptr<BatchHandler>> handlers;
  std::vector<std::unique_ptr<Worker>> workers;
  std::atomic<bool> is_started = false;  // The parts above are there.
  std::atomic<bool> is_stopping = false;
  Supervisor supervisor;
};

Runtime::Runtime(std::shared_ptr<EventStore> store, RuntimeOptions options)
    : impl_(std::make_unique<Impl>(std::move(store), std::move(options))) {}

Runtime::~Runtime() {
  // The supervisor's destructor waits for what does not stop in time.
  if (impl_->is_started) Stop(absl::ZeroDuration()).IgnoreError();
}

Runtime& Runtime::AddAggregate(AggregateType type) {
  impl_->aggregates.push_back(std::move(type));
  return *this;
}

Runtime& Runtime::AddProjection(ProjectionType type, ProjectionRun run) {
  impl_->setups.push_back({std::move(type), run == ProjectionRun::kInline});
  return *this;
}

Runtime& Runtime::AddSaga(SagaType type) {
  impl_->sagas.push_back(std::move(type));
  return *this;
}

Runtime& Runtime::RelayTo(std::shared_ptr<Broker> broker, RelayRoutes routes) {
  impl_->relays.push_back({std::move(broker), std::move(routes)});
  return *this;
}

Runtime& Runtime::Consume(std::shared_ptr<Broker> broker, InboxOptions options,
                          std::function<void(Inbox&)> add_handlers) {
  impl_->inboxes.push_back(
      {std::move(broker), std::move(options), std::move(add_handlers)});
  return *this;
}

Runtime& Runtime::Run(std::string name,
                      std::function<absl::Status(std::stop_token)> work) {
  impl_->works.push_back({std::move(name), std::move(work)});
  return *this;
}

absl::Status Runtime::Impl::MakeProjections() {
  ProjectionsOptions projection_options;
  projection_options.process = owner;
  projection_options.slots = options.consumer_slots;
  projection_options.lease = options.lease;
  projection_options.metrics = options.metrics;
  STELE_ASSIGN_OR_RETURN(
      projections,
      Projections::Create(*store, setups, std::move(projection_options)));
  if (!setups.empty()) {
    supervisor.Add("projections", [this](std::stop_token stop) {
      return projections->Run(stop);
    });
  }
  return absl::OkStatus();
}

absl::Status Runtime::Impl::MakeDispatcher() {
  dispatcher = stele::MakeDispatcher(
      projections->store(),
      {.conflict_retries_max = options.conflict_retries_max,
       .metrics = options.metrics});
  for (AggregateType& type : aggregates) {
    STELE_RETURN_IF_ERROR(dispatcher->Add(std::move(type)));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status Runtime::Impl::Supervise(std::string name,
                                      typename OneShotWorker<T>::Make make) {
  STELE_RETURN_IF_ERROR(make());
  workers.push_back(std::make_unique<OneShotWorker<T>>(name, std::move(make)));
  supervisor.Add(std::move(name),
                 [worker = workers.back().get()](std::stop_token stop) {
                   return worker->Run(stop);
                 });
  return absl::OkStatus();
}

absl::Status Runtime::Impl::MakeSaga(const SagaType& type) {
  if (saga_storage == nullptr) {
    STELE_ASSIGN_OR_RETURN(saga_storage, OpenSagaStorage(*store));
  }
  SagaEngineOptions engine_options;
  engine_options.slots = options.consumer_slots;
  engine_options.metrics = options.metrics;
  STELE_ASSIGN_OR_RETURN(
      auto handler, MakeSagaEngine(type, projections->store(), *saga_storage,
                                   *dispatcher, engine_options));
  ConsumerOptions consumer = SagaConsumerOptions(type, engine_options);
  consumer.lease = options.lease;
  handlers.push_back(std::move(handler));
  return Supervise<Consumer>(
      consumer.name, [this, consumer, raw = handlers.back().get()] {
        return Consumer::Create(*store, *raw, consumer, owner);
      });
}

absl::Status Runtime::Impl::MakeRelay(const RelaySetup& setup) {
  RelayOptions relay;
  relay.name =
      setup.broker->Describe().substr(0, setup.broker->Describe().find(' '));
  relay.source = absl::StrCat("/", options.service);
  relay.slots = options.consumer_slots;
  relay.lease = options.lease;
  relay.metrics = options.metrics;
  return Supervise<Relay>(
      absl::StrCat("relay/", relay.name), [this, setup, relay] {
        return Relay::Create(*store, *setup.broker, setup.routes, relay, owner);
      });
}

absl::Status Runtime::Impl::MakeInbox(const InboxSetup& setup) {
  InboxOptions inbox = setup.options;
  inbox.lease = options.lease;
  inbox.metrics = options.metrics;
  return Supervise<Inbox>(
      absl::StrCat("inbox/", inbox.name),
      [this, setup, inbox]() -> absl::StatusOr<std::unique_ptr<Inbox>> {
        STELE_ASSIGN_OR_RETURN(
            auto made,
            Inbox::Create(projections->store(), *setup.broker, inbox, owner));
        setup.add_handlers(*made);
        return made;
      });
}

absl::Status Runtime::Start() {
  STELE_CHECK(!impl_->is_started);
  STELE_RETURN_IF_ERROR(impl_->MakeProjections());
  STELE_RETURN_IF_ERROR(impl_->MakeDispatcher());
  std::vector<std::string> problems;
  const auto note = [&problems](const std::string& part,
                                const absl::Status& made) {
    if (made.ok()) return;
    problems.push_back(absl::StrCat(part, ": ", std::string(made.message())));
  };
  for (const SagaType& type : impl_->sagas) {
    note(absl::StrCat("saga ", type.name), impl_->MakeSaga(type));
  }
  for (const RelaySetup& setup : impl_->relays) {
    note("relay", impl_->MakeRelay(setup));
  }
  for (const InboxSetup& setup : impl_->inboxes) {
    note(absl::StrCat("inbox ", setup.options.name), impl_->MakeInbox(setup));
  }
  if (!problems.empty()) {
    return absl::FailedPreconditionError(absl::StrJoin(problems, "\n"));
  }
  for (WorkSetup& setup : impl_->works) {
    impl_->supervisor.Add(std::move(setup.name), std::move(setup.work));
  }
  impl_->supervisor.Start();
  impl_->is_started = true;
  return absl::OkStatus();
}

absl::Status Runtime::Stop(absl::Duration grace) {
  impl_->is_stopping = true;
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
                                     absl::Now() + at_most);
}

absl::Status Runtime::Ready() const {
  if (!impl_->is_started) return absl::UnavailableError("not started");
  if (impl_->is_stopping) return absl::UnavailableError("stopping");
  std::vector<std::string> problems;
  for (const PartStatus& part : impl_->supervisor.Status()) {
    if (part.is_running) continue;
    problems.push_back(
        absl::StrCat(part.name, " is down: ", part.last_error.ToString()));
  }
  for (const auto& worker : impl_->workers) {
    if (auto why = worker->Problem(impl_->options.stall_allowed)) {
      problems.push_back(absl::StrCat(worker->name(), " ", *why));
    }
  }
  for (const ProjectionActivity& activity : impl_->projections->Activity()) {
    for (const ConsumerSnapshot& feed : activity.feeds) {
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
  if (!impl_->is_started) {
    return json::serialize(json::object{{"service", impl_->options.service},
                                        {"is_started", false}});
  }
  json::array parts;
  for (const PartStatus& part : impl_->supervisor.Status()) {
    parts.push_back(
        json::object{{"name", part.name},
                     {"is_running", part.is_running},
                     {"restarts", part.restarts},
                     {"last_error",
                      part.last_error.ok() ? "" : part.last_error.ToString()}});
  }
  json::object workers;
  for (const auto& worker : impl_->workers) {
    workers[worker->name()] = worker->Describe();
  }
  json::array projections;
  for (const ProjectionActivity& activity : impl_->projections->Activity()) {
    projections.push_back(ToJson(activity));
  }
  return json::serialize(
      json::object{{"service", impl_->options.service},
                   {"owner", impl_->owner},
                   {"is_stopping", impl_->is_stopping.load()},
                   {"parts", std::move(parts)},
                   {"workers", std::move(workers)},
                   {"projections", std::move(projections)}});
}

}  // namespace stele
