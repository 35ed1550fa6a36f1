#ifndef STELE_RUNTIME_RUNTIME_H_
#define STELE_RUNTIME_RUNTIME_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/aggregates/dispatcher.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/event_store.h"
#include "stele/outbox/broker.h"
#include "stele/outbox/inbox.h"
#include "stele/outbox/relay.h"
#include "stele/projections/projection_type.h"
#include "stele/projections/projections.h"
#include "stele/sagas/saga_type.h"

namespace stele {

struct RuntimeOptions {
  // Of the service; part of the owner names of its leases. Its messages have
  // the "ce-source" "/<service>".
  std::string service = "stele";

  // For the consumers of projections, sagas and the relay; the lease for the
  // inboxes, too. A projection goes on with the slots that it was begun with; a
  // saga or relay that was begun with another number keeps Start() from it.
  int consumer_slots = 16;                   // 1 to 1024. Fixed once used.
  absl::Duration lease = absl::Seconds(10);  // 100 ms to 24 h.

  // Of these, the process, slots, lease and metrics are the runtime's own.
  ProjectionsOptions projections = {};

  // How often a command is decided again when another writer was faster. 0 to
  // 1000; others count as the nearest bound.
  int conflict_retries_max = 10;

  // Not ready when a consumer that is behind, or fails, has not moved for this
  // long.
  absl::Duration stall_allowed = absl::Minutes(1);

  Metrics* metrics = nullptr;  // Must outlive the runtime. Null = none.
};

// How a projection is kept up to date.
enum class ProjectionRun {
  kAsync,   // Behind the log, by a consumer.
  kInline,  // In the transaction of the append.
};

// A service's deciders, projections, sagas, relays and inboxes over one store:
// wires them together, runs them, watches them and stops them gracefully.
//
//   stele::Runtime runtime(std::move(store), {.service = "bank"});
//   runtime.Add<AccountDecider>().Add<Balances>().Add<Transfers>();
//   STELE_RETURN_IF_ERROR(runtime.Start());
//   AccountClient accounts(runtime);
//
// Thread-safe once started. What adds parts is not, and comes before Start().
class Runtime {
 public:
  explicit Runtime(std::shared_ptr<EventStore> store,
                   RuntimeOptions options = {});
  // Stop() without grace, then waits for what is still at work, however long.
  ~Runtime();

  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Adds a decider (it has `Aggregate`), a projector (`ReadModel`) or a saga
  // (`State`). Adding a second one for the same message is reported by Start().
  template <typename T>
  Runtime& Add() {
    if constexpr (requires { typename T::Aggregate; }) {
      return AddAggregate(MakeAggregateType<T>());
    } else if constexpr (requires { typename T::ReadModel; }) {
      return AddProjection(MakeProjectionType<T>(), ProjectionRun::kAsync);
    } else {
      static_assert(
          requires { typename T::State; },
          "Add<T>() needs a type that says what it is with one alias: "
          "`using Aggregate = ...`, `using ReadModel = ...` or "
          "`using State = ...`");
      return AddSaga(MakeSagaType<T>());
    }
  }
  template <typename Projector>
  Runtime& Add(ProjectionRun run) {
    return AddProjection(MakeProjectionType<Projector>(), run);
  }

  Runtime& AddAggregate(AggregateType type);
  Runtime& AddProjection(ProjectionType type, ProjectionRun run);
  Runtime& AddSaga(SagaType type);

  // Relays the public events that `routes` names to `broker`. `name` is the
  // relay's own: its checkpoints are those of the consumer "relay/<name>", so
  // each broker needs another one, and it never changes once in use.
  Runtime& RelayTo(std::shared_ptr<Broker> broker, RelayRoutes routes,
                   std::string name = "broker");

  // Takes messages from `broker` as `options` say, whose metrics, lease and
  // clock are this runtime's, and hands them to the handlers that
  // `add_handlers` gives an inbox: inbox.On<PaymentAccepted>(...). It may be
  // called several times.
  Runtime& Consume(std::shared_ptr<Broker> broker, InboxOptions options,
                   std::function<void(Inbox&)> add_handlers);

  // Runs `work` on a thread of its own until it is asked to stop, restarted
  // with back-off when it fails. It may return OK when it has nothing left to
  // do.
  Runtime& Run(std::string name,
               std::function<absl::Status(std::stop_token)> work);

  // Starts everything added. Called once. Nothing runs after an error.
  //
  // Sagas and relays of older releases that still run, and handle fewer event
  // types, leave to this one what is appended after this call: it may be of
  // types that they do not know.
  //
  // Errors: one line for each part that is wrong; the code is the one that they
  // share, else kFailedPrecondition.
  //   kInvalidArgument     a part cannot be: a name, an option, a message.
  //   kAlreadyExists       two parts of one name or for one message.
  //   kFailedPrecondition  the store cannot keep a part: SQL in memory, say.
  //   kUnavailable         the store cannot be reached.
  absl::Status Start();

  // Has Ready() say no from now on, while all work goes on: so that whoever
  // sends work here looks elsewhere before Stop().
  void AnnounceStop();

  // Stops: no new work is begun, current work is finished, leases are released.
  // kDeadlineExceeded names the parts that are still at work after `grace`.
  absl::Status Stop(absl::Duration grace = absl::Seconds(20));

  // REQUIRES for the rest: Start() has succeeded.

  // For commands; append through it or store(), so that inline projections see
  // what is appended.
  Dispatcher& dispatcher();
  operator Dispatcher&() { return dispatcher(); }  // NOLINT: for clients.
  EventStore& store();

  // The row of a read model. kNotFound if there is none.
  template <typename ReadModel>
  absl::StatusOr<ReadModel> Find(std::string_view key) {
    ReadModel row;
    const absl::Status found =
        FindRow(ProjectionTraits<ReadModel>::kTable, key, row);
    if (!found.ok()) return found;
    return row;
  }
  // Waits until the read model shows what `receipt` stands for.
  //   kNotFound            this runtime has no such projection.
  //   kFailedPrecondition  the event is parked. Said at once.
  //   kDeadlineExceeded    not within `at_most`; says how far it is.
  template <typename ReadModel>
  absl::Status WaitFor(const Receipt& receipt,
                       absl::Duration at_most = absl::Seconds(5)) {
    return WaitForProjection(ProjectionTraits<ReadModel>::kName,
                             receipt.position, at_most);
  }

  // ---- For probes: at any time, from any thread -----------------------------

  // OK, or kUnavailable with what keeps the service from being ready, one line
  // each: not started, stopping, a part that is down or makes no progress.
  absl::Status Ready() const;
  // Everything worth knowing, as one JSON object.
  std::string StatusJson() const;

 private:
  struct Impl;

  absl::Status FindRow(std::string_view table, std::string_view key,
                       google::protobuf::Message& row);
  absl::Status WaitForProjection(std::string_view projection,
                                 std::int64_t position, absl::Duration at_most);

  std::unique_ptr<Impl> impl_;
};

}  // namespace stele

#endif  // STELE_RUNTIME_RUNTIME_H_
