#include "world.h"

#include <cstdlib>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/runtime/migrate.h"

namespace stele::bench {

absl::StatusOr<std::unique_ptr<World>> World::Create(Settings settings) {
  auto world = std::unique_ptr<World>(new World());
  world->settings_ = settings;
  const char* given = std::getenv("STELE_DATABASE_URL");
  if (given != nullptr) {
    world->dsn_ = given;
  } else {
    STELE_ASSIGN_OR_RETURN(
        world->server_,
        sandbox::PrivatePostgres::Start(
            {.shared_buffers = "2GB", .settings = {{"max_wal_size", "8GB"}}}));
    world->dsn_ = world->server_->dsn();
  }
  STELE_ASSIGN_OR_RETURN(world->raw_, RawPostgres::Create(world->dsn_));
  return world;
}

std::string World::NewSchema() {
  return absl::StrCat("bench_", absl::ToUnixSeconds(absl::Now()) % 1'000'000,
                      "_", ++schemas_);
}

absl::StatusOr<std::unique_ptr<EventStore>> World::NewStore(
    const std::string& schema) {
  STELE_RETURN_IF_ERROR(MigrateAll(dsn_, schema));
  PostgresEventStoreOptions options;
  options.dsn = dsn_;
  options.schema = schema;
  options.application_name = "stele-bench";
  return OpenPostgresEventStore(std::move(options));
}

NewEvent MakeEvent(std::size_t payload_bytes) {
  static thread_local std::mt19937_64 random(0x57e1e);
  NewEvent event;
  event.id = RandomIds().Next();
  event.type = "bench.Happened";
  event.payload.resize(payload_bytes);
  for (char& byte : event.payload) byte = static_cast<char>(random());
  event.metadata = SerializeMetadata(
      {.correlation_id = "0123456789abcdef0123", .command_id = event.id});
  return event;
}

absl::Status Fill(EventStore& store, std::int64_t events,
                  std::int64_t per_stream, std::size_t payload_bytes) {
  for (std::int64_t done = 0; done < events;) {
    AppendRequest request;
    request.stream_id = absl::StrCat("filled-", done / per_stream);
    const std::int64_t left = std::min(
        {events - done, per_stream - done % per_stream, std::int64_t{1000}});
    for (std::int64_t i = 0; i < left; ++i) {
      request.events.push_back(MakeEvent(payload_bytes));
    }
    STELE_RETURN_IF_ERROR(store.Append(request));
    done += left;
  }
  return absl::OkStatus();
}

}  // namespace stele::bench
