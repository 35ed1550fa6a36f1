// A process with a consumer, for frozen_consumer_test: runs until it is killed,
// and takes its time with one event.
#include <cstdio>

#include "absl/time/clock.h"
#include "consumer_fixture.h"
#include "stele/eventstore/postgres_event_store.h"

namespace stele::testing {
namespace {

// Says that the event is being handled, and waits until it may go on.
absl::Status TakeTime(EventStore& store, const KeyedEvent& event) {
  if (event.event.payload != "key0 1") return absl::OkStatus();
  const std::vector<NewEvent> note = {
      {.id = RandomIds().Next(), .type = "test.Reached"}};
  STELE_RETURN_IF_ERROR(
      store.Append({.stream_id = "reached-1", .events = note}));
  while (true) {
    STELE_ASSIGN_OR_RETURN(const StreamInfo info, store.GetStream("go-1"));
    if (info.version > 0) return absl::OkStatus();
    absl::SleepFor(absl::Milliseconds(5));
  }
}

absl::Status Consume(const std::string& dsn, const std::string& schema) {
  STELE_ASSIGN_OR_RETURN(
      const std::unique_ptr<EventStore> store,
      OpenPostgresEventStore(
          {.dsn = dsn, .schema = schema, .application_name = schema}));
  EffectHandler handler;
  handler.SetFault(
      [&](const KeyedEvent& event) { return TakeTime(*store, event); });
  ConsumerOptions options;
  options.name = "test/Effects";
  options.slots = 8;
  options.categories = {"input"};
  options.lease = absl::Milliseconds(300);
  options.tick = absl::Milliseconds(5);
  STELE_ASSIGN_OR_RETURN(const std::unique_ptr<Consumer> consumer,
                         Consumer::Create(*store, handler, options, "child"));
  return consumer->Run();
}

}  // namespace
}  // namespace stele::testing

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s DSN SCHEMA\n", argv[0]);
    return 2;
  }
  const absl::Status ended = stele::testing::Consume(argv[1], argv[2]);
  std::fprintf(stderr, "%s\n", ended.ToString().c_str());
  return ended.ok() ? 0 : 1;
}
