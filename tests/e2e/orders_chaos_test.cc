// The orders sample while everything it needs dies again and again: every order
// comes to an end, and the books of both services agree at the end.
//
// ORDERS_CHAOS_KILLS and ORDERS_CHAOS_SEED make it longer, or the same again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "demo/books.h"
#include "demo/cluster.h"
#include "demo/demo.h"
#include "demo/place.h"
#include "demo/report.h"
#include "demo/story.h"
#include "input/make_orders.h"
#include "orders/order_decider.h"
#include "orders/stock_decider.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/sagas/saga_storage.h"

namespace orders {
namespace {

constexpr std::int64_t kOrders = 150;

std::int64_t FromEnvironment(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  std::int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number
                                                            : otherwise;
}

// Lets in as many more orders for every kill as the rest of the kills will
// need, so that orders come in all the time.
class KillGate : public Gate {
 public:
  explicit KillGate(std::int64_t kills) : orders_a_kill_(kOrders / kills + 1) {}

  void AwaitRoom() override {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](KillGate* gate) { return gate->HasRoom(); }, this));
    --room_;
  }
  void NotTaken() override {}

  void TakeKill() {
    absl::MutexLock lock(&mutex_);
    room_ += orders_a_kill_;
  }
  void Open() {
    absl::MutexLock lock(&mutex_);
    is_open_ = true;
  }

 private:
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return room_ > 0 || is_open_;
  }

  const std::int64_t orders_a_kill_;
  absl::Mutex mutex_;
  std::int64_t room_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_open_ ABSL_GUARDED_BY(mutex_) = false;
};

// Kills one thing after the other, as a die decides.
class Reaper {
 public:
  Reaper(Cluster& cluster, KillGate& gate, std::uint32_t seed)
      : cluster_(cluster), gate_(gate), random_(seed) {}

  void Kill(std::int64_t times) {
    for (std::int64_t i = 0; i < times; ++i) {
      absl::SleepFor(absl::Milliseconds(Pick(0, 1500)));
      gate_.TakeKill();
      const absl::Status killed = KillOne();
      ASSERT_TRUE(killed.ok()) << killed;
      // Whoever starts while a server is down gives up, and is started again.
      const absl::Status restarted = cluster_.RestartEnded();
      ASSERT_TRUE(restarted.ok()) << restarted;
    }
  }

  const std::string& deeds() const { return deeds_; }

 private:
  std::int64_t Pick(std::int64_t least, std::int64_t most) {
    const auto span = static_cast<std::uint64_t>(most - least + 1);
    return least + static_cast<std::int64_t>(random_() % span);
  }

  absl::Status KillOne() {
    const absl::Duration pause = absl::Milliseconds(Pick(0, 1000));
    switch (Pick(0, 7)) {
      case 0:
      case 1:
        deeds_ += "o";
        return cluster_.KillAndRestart(Cluster::Part::kOrders);
      case 2:
      case 3:
        deeds_ += "r";
        return cluster_.KillAndRestart(Cluster::Part::kRelay);
      case 4:
      case 5:
        deeds_ += "p";
        return cluster_.KillAndRestart(Cluster::Part::kPayments);
      case 6:
        deeds_ += "B";
        return cluster_.KillAndRestartBroker(pause);
      default:
        deeds_ += "D";
        return cluster_.KillAndRestartDatabase(pause);
    }
  }

  Cluster& cluster_;
  KillGate& gate_;
  std::mt19937 random_;
  std::string deeds_;
};

absl::StatusOr<Placing> Place(stele::EventStore& store,
                              const std::vector<OrderInput>& orders,
                              Gate& gate) {
  auto dispatcher = stele::MakeDispatcher(store, {.conflict_retries_max = 50});
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(stele::MakeAggregateType<OrderDecider>()));
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(stele::MakeAggregateType<StockDecider>()));
  STELE_RETURN_IF_ERROR(FillWarehouse(*dispatcher, StockFor(orders), "chaos"));
  return PlaceOrders(*dispatcher, orders, /*callers=*/4, nullptr, &gate);
}

// Any payment may come after the order's time is over, and a late one before,
// when the timer is late, too.
bool MayBecome(Outcome expected, Outcome found) {
  if (expected == found) return true;
  switch (expected) {
    case Outcome::kShipped:
      return found == Outcome::kRefunded || found == Outcome::kTimedOut;
    case Outcome::kRefunded:
      return found == Outcome::kShipped || found == Outcome::kTimedOut;
    case Outcome::kPaymentDeclined:
      return found == Outcome::kTimedOut;
    default:
      return false;
  }
}

// The last kill may have hit a service in its start, which then gives up after
// whatever came before it was started again.
absl::Status AwaitAllServing(Cluster& cluster, absl::Duration at_most) {
  const absl::Time deadline = absl::Now() + at_most;
  for (;;) {
    STELE_RETURN_IF_ERROR(cluster.RestartEnded());
    const absl::Status ready = cluster.AwaitReady(absl::Seconds(5));
    if (ready.ok() || absl::Now() > deadline) return ready;
  }
}

// A refund that nobody waits for may still be under way between the services.
absl::Status AwaitBooks(Stores& stores, absl::Duration at_most) {
  const absl::Time deadline = absl::Now() + at_most;
  for (;;) {
    STELE_ASSIGN_OR_RETURN(const Books books, AuditOrders(*stores.orders));
    STELE_ASSIGN_OR_RETURN(const std::int64_t held,
                           AuditPayments(*stores.payments));
    const absl::Status checked = CheckBooks(books, held);
    if (checked.ok() || absl::Now() > deadline) return checked;
    absl::SleepFor(absl::Milliseconds(250));
  }
}

// Tells what is known of orders that did not come to their end.
void Explain(Stores& stores, const Cluster& cluster) {
  std::set<std::string> ids;
  for (stele::EventStore* store :
       {stores.orders.get(), stores.payments.get()}) {
    auto sagas = stele::OpenSagaStorage(*store);
    if (!sagas.ok()) continue;
    const auto rows =
        (*sagas)->List({.status = stele::SagaStatus::kActive, .limit = 10});
    if (!rows.ok()) continue;
    for (const stele::SagaRow& row : *rows) ids.insert(row.id);
  }
  if (const auto books = AuditOrders(*stores.orders); books.ok()) {
    ids.insert(books->open.begin(), books->open.end());
  }
  for (const std::string& id : ids) {
    const auto story = TellStory(*stores.orders, *stores.payments, id);
    if (story.ok()) PrintStory(id, *story);
  }
  for (const auto part : {Cluster::Part::kOrders, Cluster::Part::kRelay,
                          Cluster::Part::kPayments}) {
    std::cout << "\n" << cluster.EndOfLog(part, 40) << std::endl;
  }
}

TEST(OrdersChaosTest, TheBooksBalanceWhateverDies) {
  const auto seed = static_cast<std::uint32_t>(
      FromEnvironment("ORDERS_CHAOS_SEED", std::random_device()()));
  const std::int64_t kills =
      std::max<std::int64_t>(1, FromEnvironment("ORDERS_CHAOS_KILLS", 20));
  std::cout << "ORDERS_CHAOS_SEED=" << seed << " ORDERS_CHAOS_KILLS=" << kills
            << std::endl;
  stele::SetLogLevel(stele::LogLevel::kError);

  auto cluster = Cluster::Start({.programs_folder = PROGRAMS_FOLDER,
                                 .payment_timeout = absl::Seconds(12),
                                 .late_answer = absl::Seconds(18),
                                 .late_payment_grace = absl::Seconds(18)});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  auto stores = OpenStores(**cluster);
  ASSERT_TRUE(stores.ok()) << stores.status();

  const auto orders = MakeOrders(kOrders, seed);
  absl::StatusOr<Placing> placing = absl::UnknownError("not placed");
  KillGate gate(kills);
  std::jthread customers(
      [&] { placing = Place(*stores->orders, orders, gate); });
  Reaper reaper(**cluster, gate, seed);
  reaper.Kill(kills);
  gate.Open();
  customers.join();
  ASSERT_FALSE(HasFatalFailure()) << "after " << reaper.deeds();
  ASSERT_TRUE(placing.ok()) << placing.status() << " after " << reaper.deeds();
  const absl::Status serving = AwaitAllServing(**cluster, absl::Minutes(1));
  ASSERT_TRUE(serving.ok()) << serving;
  std::cout << "killed " << reaper.deeds() << std::endl;

  const absl::Status rest =
      AwaitRest(*stores, placing->placed, absl::Minutes(2));
  if (!rest.ok()) Explain(*stores, **cluster);
  ASSERT_TRUE(rest.ok()) << rest;
  const absl::Status balance = AwaitBooks(*stores, absl::Seconds(15));
  EXPECT_TRUE(balance.ok()) << balance;
  EXPECT_TRUE(CheckNothingParked(*stores).ok()) << CheckNothingParked(*stores);
  const auto books = AuditOrders(*stores->orders);
  ASSERT_TRUE(books.ok()) << books.status();
  const absl::Status summaries = CompareSummaries(*stores, *books);
  EXPECT_TRUE(summaries.ok()) << summaries;
  if (HasFailure()) Explain(*stores, **cluster);
  const absl::Status sales = CompareSales(*stores, *books);
  EXPECT_TRUE(sales.ok()) << sales;

  std::map<std::string, Outcome> found = books->outcomes;
  for (const auto& [id, reason] : placing->refused) {
    found.try_emplace(id, Outcome::kRefused);
  }
  int late = 0;
  for (const auto& [id, expected] : ExpectedOutcomes(orders)) {
    ASSERT_TRUE(found.contains(id)) << id << " is lost";
    EXPECT_TRUE(MayBecome(expected, found[id]))
        << id << ": expected " << ToString(expected) << ", found "
        << ToString(found[id]);
    if (expected != found[id]) ++late;
  }
  std::cout << late << " orders ended otherwise than expected, by time-outs"
            << std::endl;
  const absl::Status alive = (*cluster)->CheckAlive();
  EXPECT_TRUE(alive.ok()) << alive;
  const absl::Status stopped = (*cluster)->Stop();
  EXPECT_TRUE(stopped.ok()) << stopped;
}

}  // namespace
}  // namespace orders
