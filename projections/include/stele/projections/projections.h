#ifndef STELE_PROJECTIONS_PROJECTIONS_H_
#define STELE_PROJECTIONS_PROJECTIONS_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/event_store.h"
#include "stele/projections/projection_type.h"
#include "stele/projections/row_reader.h"

namespace stele {

struct ProjectionsOptions {
  // The schema of the read models: of the views that carry their public names
  // and of the tables behind them. Empty = the store's schema + "_views". Made
  // if it is not there. The same in every process of a store.
  std::string read_schema = {};
  // Names this process among those that share the work; unique. Empty = random.
  std::string process = {};

  int slots = 16;  // 1 to 1024; fixed once a projection is registered.
  absl::Duration lease = absl::Seconds(10);
  // A batch that takes longer is taken to hang: see ConsumerOptions.
  absl::Duration handle_time_max = absl::Minutes(10);
  int batch_events_max = 500;
  int build_batch_events_max = 5000;  // While a table is built from history.
  int tries_before_parking = 3;
  BackoffOptions park_backoff = {absl::Seconds(1), absl::Minutes(10)};

  // How often this process says that it is alive, and looks for requests and
  // for what other processes have switched.
  absl::Duration poll = absl::Milliseconds(500);

  // A switch holds the live table's writers back for at most this long before
  // it gives up for now ...
  absl::Duration switch_pause_max = absl::Milliseconds(250);
  // ... and waits this long for a lock that a reader holds.
  absl::Duration switch_lock_timeout = absl::Milliseconds(100);
  // How long the table that was replaced is still kept up to date, so that it
  // can be switched back to at once. It stays until the next rebuild.
  absl::Duration keep_warm = absl::Hours(24);
  // Larger tables are not compared before a switch.
  std::int64_t compare_rows_max = 5'000'000;

  Metrics* metrics = nullptr;  // Must outlive the projections. Null = none.
  Clock* clock = nullptr;      // The same. Null = the machine's.
};

// How a projection is run by this process.
struct ProjectionSetup {
  ProjectionType type;
  // false: behind the log, by a consumer. true: in the transaction of each
  // append through Projections::store(), so that whoever reads after an append
  // sees its rows. Every process that appends events of an inline projection
  // must have it in its Projections, and append through that store; PostgreSQL
  // refuses all other appends of them, with kFailedPrecondition, from its
  // registration until it is put behind the log.
  bool is_inline = false;
};

// What one projection of this process is doing.
struct ProjectionActivity {
  std::string name;
  std::string fingerprint;
  bool is_inline = false;
  // False while the public name shows a table that other code made: newer than
  // this process, or older and being rebuilt by it.
  bool is_live = false;
  std::string note;  // "" or what it waits for or fails at, for people.
  std::vector<ConsumerActivity> feeds;
};

// The projections of one process over one store.
//
// On PostgreSQL a read model's public name is a view, and its versions are
// tables behind it, each with the fingerprint of the code that fills it. When
// the code's fingerprint is new, its table is built from the log beside the
// live one and switched to, in one short transaction, when it has caught up;
// processes with the older code go on keeping theirs. Code that was replaced
// once does not replace its successor by being started again: that takes
// ProjectionAdmin::Undo() or a rebuild. Requests of ProjectionAdmin are carried
// out here. Processes share all this work through leases.
//
// In memory there is one version, made when it is created from what the log
// then holds.
//
// Thread-safe.
class Projections {
 public:
  // `store` must outlive it. Registers the projections and creates what tables
  // are missing.
  //
  // Errors, all that are found in one:
  //   kInvalidArgument     a read model cannot be a table, a name is malformed,
  //                        or two projections share one.
  //   kFailedPrecondition  a SQL form on a store without SQL; an inline
  //                        projection whose live table belongs to other code
  //                        that still runs somewhere, or that runs behind the
  //                        log elsewhere; a read schema that differs from the
  //                        registered one.
  static absl::StatusOr<std::unique_ptr<Projections>> Create(
      EventStore& store, std::vector<ProjectionSetup> setups,
      ProjectionsOptions options = {});

  virtual ~Projections() = default;

  // Works until `stop` is requested, then finishes what is being handled and
  // releases its leases. A projection that cannot go on is told of by
  // Activity(), ProjectionAdmin, log and metrics, and tried again with
  // back-off; the others go on. May be called again after it returned.
  //   kFailedPrecondition  the tables of projections are no longer there.
  virtual absl::Status Run(std::stop_token stop) = 0;

  // The store to append through: appends of events that an inline projection
  // consumes change its rows in the same transaction; everything else goes
  // straight on. An inline projection sees events whose position() is still 0.
  //
  // Further errors of appends:
  //   kInternal and others  Apply() failed; nothing was appended.
  //   kFailedPrecondition   the projection's table belongs to newer code, so
  //                         this process must not append any more.
  virtual EventStore& store() = 0;

  // Rows by key, through the public name.
  virtual RowReader& reader() = 0;

  // Waits until `projection` shows the event at `position`, as in
  // AppendResult::position: read your writes. Returns at once when inline.
  //   kNotFound            no such projection here.
  //   kFailedPrecondition  the event is parked: it will not show before an
  //                        operator acts. Said at once.
  //   kDeadlineExceeded    `deadline` passed; says how far it is.
  virtual absl::Status WaitFor(std::string_view projection,
                               std::int64_t position, absl::Time deadline) = 0;

  virtual std::vector<ProjectionActivity> Activity() const = 0;
};

}  // namespace stele

#endif  // STELE_PROJECTIONS_PROJECTIONS_H_
