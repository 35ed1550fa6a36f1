#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/outbox/brokers/nats.h"
#include "stele/outbox/relay.h"
#include "stele/sandbox/private_nats.h"
#include "world.h"

namespace stele::bench {
namespace {

constexpr std::int64_t kMessages = 50'000;

struct State {
  std::shared_ptr<EventStore> store;
  std::unique_ptr<sandbox::PrivateNats> nats;
  int runs = 0;

  absl::StatusOr<std::unique_ptr<Broker>> NewBroker() {
    const std::string name = absl::StrCat("bench", runs++);
    return MakeNatsBroker(
        {.url = nats->url(), .stream = name, .subject_prefix = name});
  }
};

// A relay from the beginning of the log until it has caught up.
absl::StatusOr<double> Relayed(State& state) {
  STELE_ASSIGN_OR_RETURN(auto broker, state.NewBroker());
  RelayRoutes routes;
  routes.AddTo("bench.Happened", "bench");
  STELE_ASSIGN_OR_RETURN(const std::int64_t head, state.store->Head());
  RelayOptions options;
  options.name = absl::StrCat("bench", state.runs);
  options.source = "/bench";
  STELE_ASSIGN_OR_RETURN(auto relay, Relay::Create(*state.store, *broker,
                                                   routes, options, "bench"));
  const absl::Time began = absl::Now();
  absl::Status ended;
  std::jthread thread([&] { ended = relay->Run(); });
  while (relay->Activity().position < head) {
    if (absl::Now() - began > absl::Minutes(2)) {
      relay->Stop();
      return absl::DeadlineExceededError("the relay did not catch up");
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
  relay->Stop();
  thread.join();
  STELE_RETURN_IF_ERROR(ended);
  return static_cast<double>(kMessages) / seconds;
}

// The broker's own adapter without a store: what the wire can do.
absl::StatusOr<double> Published(State& state, std::size_t payload_bytes) {
  STELE_ASSIGN_OR_RETURN(auto broker, state.NewBroker());
  STELE_ASSIGN_OR_RETURN(auto publisher, broker->OpenPublisher());
  std::vector<BrokerMessage> batch(500);
  std::int64_t sent = 0;
  const absl::Time began = absl::Now();
  while (sent < kMessages) {
    for (BrokerMessage& message : batch) {
      message.id = absl::StrCat("m", sent++);
      message.topic = "bench";
      message.key = absl::StrCat("k", sent % 5000);
      message.body.assign(payload_bytes, 'p');
    }
    STELE_RETURN_IF_ERROR(publisher->Publish(batch).status);
  }
  return static_cast<double>(sent) / absl::ToDoubleSeconds(absl::Now() - began);
}

}  // namespace

absl::StatusOr<std::vector<Contest>> RelayContests(World& world) {
  auto state = std::make_shared<State>();
  STELE_ASSIGN_OR_RETURN(state->store, world.NewStore(world.NewSchema()));
  STELE_ASSIGN_OR_RETURN(state->nats, sandbox::PrivateNats::Start());
  const std::size_t payload_bytes = world.settings().payload_bytes;
  STELE_RETURN_IF_ERROR(Fill(*state->store, kMessages, 10, payload_bytes));
  return std::vector<Contest>{
      {"relay.nats", "messages/s", "the NATS adapter alone, without a store",
       [state] { return Relayed(*state); },
       [state, payload_bytes] { return Published(*state, payload_bytes); }}};
}

}  // namespace stele::bench
