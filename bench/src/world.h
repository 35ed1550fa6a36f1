#ifndef STELE_BENCH_WORLD_H_
#define STELE_BENCH_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "harness.h"
#include "raw_postgres.h"
#include "stele/eventstore/event_store.h"
#include "stele/sandbox/private_postgres.h"

namespace stele::bench {

struct Settings {
  int rounds = 5;
  absl::Duration slice = absl::Seconds(3);  // Of one measurement.
  std::size_t payload_bytes = 200;
};

// The server that all figures of a run are taken on: ours and durable, or the
// one of STELE_DATABASE_URL.
class World {
 public:
  static absl::StatusOr<std::unique_ptr<World>> Create(Settings settings);

  const Settings& settings() const { return settings_; }
  const std::string& dsn() const { return dsn_; }
  RawPostgres& raw() { return *raw_; }

  // A store in a schema of its own, new and empty.
  absl::StatusOr<std::unique_ptr<EventStore>> NewStore(
      const std::string& schema);

  // A schema that no other figure of this run uses.
  std::string NewSchema();

 private:
  World() = default;

  Settings settings_;
  std::unique_ptr<sandbox::PrivatePostgres> server_;
  std::string dsn_;
  std::unique_ptr<RawPostgres> raw_;
  int schemas_ = 0;
};

// `payload_bytes` that compress badly, with an id of its own.
NewEvent MakeEvent(std::size_t payload_bytes);

// Fills `store` with `events` events in streams of `per_stream`.
absl::Status Fill(EventStore& store, std::int64_t events,
                  std::int64_t per_stream, std::size_t payload_bytes);

// Each gives the figures of one area; a figure's name is its contest's.
absl::StatusOr<std::vector<Contest>> AppendContests(World& world);
absl::StatusOr<std::vector<Contest>> ReadContests(World& world);
absl::StatusOr<std::vector<Contest>> CommandContests(World& world);
absl::StatusOr<std::vector<Contest>> RelayContests(World& world);
absl::StatusOr<std::vector<Contest>> SagaContests(World& world);

}  // namespace stele::bench

#endif  // STELE_BENCH_WORLD_H_
