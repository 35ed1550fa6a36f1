#ifndef STELE_TESTS_RUNTIME_RUNTIME_SUITE_H_
#define STELE_TESTS_RUNTIME_RUNTIME_SUITE_H_

#include <atomic>
#include <boost/json.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/outbox/in_memory_broker.h"
#include "stele/runtime/prometheus_metrics.h"
#include "tests/runtime/bank_service.h"

namespace stele::testing {

// What a runtime must do on any store. The parameter makes a fresh store.
class RuntimeSuite
    : public ::testing::TestWithParam<std::shared_ptr<EventStore> (*)()> {
 protected:
  RuntimeSuite() : store_(GetParam()()) {}

  std::unique_ptr<Runtime> MakeRuntime(RuntimeOptions options = {}) {
    options.service = "bank";
    options.consumer_slots = 4;
    return std::make_unique<Runtime>(store_, options);
  }
  std::unique_ptr<Runtime> MakeBank(RuntimeOptions options = {}) {
    auto runtime = MakeRuntime(options);
    runtime->Add<bank::AccountDecider>().Add<bank::Balances>();
    runtime->Add<bank::Transfers>();
    return runtime;
  }

  std::shared_ptr<EventStore> store_;
};

inline boost::json::object StatusOf(const Runtime& runtime) {
  boost::system::error_code error;
  const boost::json::value value =
      boost::json::parse(runtime.StatusJson(), error);
  EXPECT_FALSE(error) << runtime.StatusJson();
  return value.is_object() ? value.as_object() : boost::json::object();
}

TEST_P(RuntimeSuite, TakesCommandsAndShowsRows) {
  auto runtime = MakeBank();
  ASSERT_THAT(runtime->Start(), IsOk());
  bank::AccountClient accounts(*runtime);
  ASSERT_THAT(accounts.OpenAccount({.account_id = "ada", .owner = "Ada"}),
              IsOk());
  const auto paid =
      accounts.Deposit({.account_id = "ada", .amount_cents = 100});
  ASSERT_THAT(paid, IsOk());
  ASSERT_THAT(runtime->WaitFor<bank::AccountBalance>(*paid, absl::Minutes(1)),
              IsOk());
  EXPECT_EQ(runtime->Find<bank::AccountBalance>("ada")->owner(), "Ada");
  EXPECT_EQ(BalanceOf(*runtime, "ada"), 100);
  EXPECT_THAT(runtime->Find<bank::AccountBalance>("nobody"),
              StatusIs(absl::StatusCode::kNotFound));
  const auto refused =
      accounts.Withdraw({.account_id = "ada", .amount_cents = 500});
  EXPECT_EQ(RejectionReason(refused.status()), "insufficient_funds");
}

TEST_P(RuntimeSuite, RunsSagasToTheirEnd) {
  auto runtime = MakeBank();
  ASSERT_THAT(runtime->Start(), IsOk());
  OpenAccounts(*runtime);
  bank::AccountClient accounts(*runtime);
  const auto request = [&](const std::string& id, const std::string& to) {
    EXPECT_THAT(accounts.RequestTransfer({.account_id = "ada",
                                          .transfer_id = id,
                                          .to_account_id = to,
                                          .amount_cents = 30}),
                IsOk());
  };
  request("t1", "bob");
  Await("the money", [&] { return BalanceOf(*runtime, "bob") == 30; });
  request("t2", "nobody");
  Await("the refund's events", [&] {
    const auto info = store_->GetStream("account-ada");
    return info.ok() && info->version >= 7;
  });
  Await("the refund", [&] { return BalanceOf(*runtime, "ada") == 70; });
}

TEST_P(RuntimeSuite, InlineRowsAreThereWhenTheCommandReturns) {
  auto runtime = MakeRuntime();
  runtime->Add<bank::AccountDecider>();
  runtime->Add<bank::Balances>(ProjectionRun::kInline);
  ASSERT_THAT(runtime->Start(), IsOk());
  OpenAccounts(*runtime);
  EXPECT_EQ(BalanceOf(*runtime, "ada"), 100);
  Await("readiness", [&] { return runtime->Ready().ok(); });
}

// Counts the steps of each transfer in a row of its own, inline.
inline ProjectionType StepCounts() {
  ProjectionType type = MakeProjectionType<bank::Balances>();
  ProjectionEvent stepped;
  stepped.type = "stele.SagaStepped";
  stepped.key_of = [](const RecordedEvent& event) {
    return absl::StatusOr<std::string>(IdOf(event.stream_id));
  };
  stepped.apply_row = [](google::protobuf::Message& row, const RecordedEvent&) {
    auto& counts = static_cast<bank::AccountBalance&>(row);
    counts.set_balance_cents(counts.balance_cents() + 1);
    return absl::StatusOr<RowAction>(RowAction::kKeep);
  };
  type.events.push_back(std::move(stepped));
  return type;
}

TEST_P(RuntimeSuite, InlineRowsMoveWithTheStepsOfSagas) {
  auto runtime = MakeRuntime();
  runtime->Add<bank::AccountDecider>().Add<bank::Transfers>();
  runtime->AddProjection(StepCounts(), ProjectionRun::kInline);
  ASSERT_THAT(runtime->Start(), IsOk());
  OpenAccounts(*runtime);
  bank::AccountClient accounts(*runtime);
  ASSERT_THAT(accounts.RequestTransfer({.account_id = "ada",
                                        .transfer_id = "t1",
                                        .to_account_id = "bob",
                                        .amount_cents = 30}),
              IsOk());
  const auto steps = [&] {
    const auto info = store_->GetStream("saga_Transfer-t1");
    return info.ok() ? info->version : 0;
  };
  Await("the end of the saga", [&] { return steps() == 3; });
  EXPECT_EQ(BalanceOf(*runtime, "bob"), 30);  // Of its commands, too.
  EXPECT_EQ(BalanceOf(*runtime, "t1"), 3);
}

TEST_P(RuntimeSuite, RelaysToABrokerAndTakesItBack) {
  const std::shared_ptr<InMemoryBroker> broker = MakeInMemoryBroker();
  auto runtime = MakeBank();
  std::atomic<std::int64_t> cents = 0;
  runtime->RelayTo(broker, RelayRoutes().AddPublicEvents<bank::Account>());
  runtime->Consume(
      broker, {.name = "till", .topics = {"bank.deposits"}}, [&](Inbox& inbox) {
        inbox.On<bank::Deposited>(
            [&](Transaction& tx, const Inbound<bank::Deposited>& in) {
              const std::int64_t amount = in->amount_cents();
              tx.OnCommit([&cents, amount] { cents += amount; });
              return absl::OkStatus();
            });
      });
  ASSERT_THAT(runtime->Start(), IsOk());
  OpenAccounts(*runtime);
  Await("the message", [&] { return cents == 100; });
  EXPECT_EQ(broker->MessagesOf("bank.deposits").size(), 1u);
  Await("readiness", [&] { return runtime->Ready().ok(); });
  const auto workers = StatusOf(*runtime)["workers"];
  EXPECT_TRUE(workers.as_object().contains("relay/broker"));
  EXPECT_TRUE(workers.as_object().contains("inbox/till"));
  EXPECT_TRUE(workers.as_object().contains("saga/Transfer"));
}

TEST_P(RuntimeSuite, StartNamesEveryPartThatIsWrong) {
  const std::shared_ptr<Broker> broker = MakeInMemoryBroker();
  auto runtime = MakeBank();
  runtime->Add<bank::AccountDecider>();
  runtime->Add<bank::Transfers>();
  runtime->RelayTo(broker, RelayRoutes());
  runtime->Consume(broker, {.name = "no topics"}, [](Inbox&) {});
  for (int i = 0; i < 2; ++i) {
    runtime->Run("pump", [](std::stop_token) { return absl::OkStatus(); });
  }
  const absl::Status wrong = runtime->Start();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kFailedPrecondition);
  const std::string text(wrong.message());
  for (const std::string part :
       {"aggregate bank.Account: ", "saga Transfer: two parts are named",
        "relay broker: ", "inbox no topics: ", "work pump: two parts"}) {
    EXPECT_THAT(text, ::testing::HasSubstr(part));
  }
  EXPECT_THAT(runtime->Ready(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(AllLeasesAreFree(*store_));
}

TEST_P(RuntimeSuite, TwoBrokersNeedTwoNames) {
  const std::shared_ptr<Broker> broker = MakeInMemoryBroker();
  const auto routes = RelayRoutes().AddPublicEvents<bank::Account>();
  auto wrong = MakeRuntime();
  wrong->RelayTo(broker, routes).RelayTo(MakeInMemoryBroker(), routes);
  EXPECT_THAT(wrong->Start(), StatusIs(absl::StatusCode::kAlreadyExists,
                                       ::testing::HasSubstr("relay/broker")));
  auto right = MakeRuntime();
  right->RelayTo(broker, routes)
      .RelayTo(MakeInMemoryBroker(), routes, "archive");
  EXPECT_THAT(right->Start(), IsOk());
}

TEST_P(RuntimeSuite, IsReadyOnlyWhileItRuns) {
  auto runtime = MakeBank();
  EXPECT_THAT(runtime->Ready(),
              StatusIs(absl::StatusCode::kUnavailable, "not started"));
  EXPECT_EQ(StatusOf(*runtime)["is_started"], false);
  ASSERT_THAT(runtime->Start(), IsOk());
  Await("readiness", [&] { return runtime->Ready().ok(); });
  EXPECT_EQ(StatusOf(*runtime)["is_started"], true);
  runtime->AnnounceStop();
  EXPECT_THAT(runtime->Ready(),
              StatusIs(absl::StatusCode::kUnavailable, "stopping"));
  OpenAccounts(*runtime);  // Work goes on.
  ASSERT_THAT(runtime->Stop(), IsOk());
  EXPECT_THAT(runtime->Ready(),
              StatusIs(absl::StatusCode::kUnavailable, "stopping"));
  EXPECT_EQ(StatusOf(*runtime)["is_stopping"], true);
}

// As the HTTP endpoint does, from before the start to after the stop.
TEST_P(RuntimeSuite, CanBeLookedAtFromAnotherThreadAtAnyTime) {
  auto runtime = MakeBank();
  std::jthread prober([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      runtime->Ready().IgnoreError();
      StatusOf(*runtime);
    }
  });
  ASSERT_THAT(runtime->Start(), IsOk());
  OpenAccounts(*runtime);
  ASSERT_THAT(runtime->Stop(), IsOk());
}

TEST_P(RuntimeSuite, AFailingPartKeepsItFromBeingReadyAndIsStartedAgain) {
  auto runtime = MakeRuntime();
  std::atomic<int> runs = 0;
  std::atomic<bool> is_mended = false;
  runtime->Run("pump", [&](std::stop_token stop) -> absl::Status {
    ++runs;
    if (!is_mended) return absl::InternalError("dry\xff well");
    Await("the stop", [&] { return stop.stop_requested(); });
    return absl::OkStatus();
  });
  ASSERT_THAT(runtime->Start(), IsOk());
  Await("a failure that shows", [&] {
    return runtime->Ready().message().find("pump is down: INTERNAL: dry") !=
           std::string::npos;
  });
  EXPECT_EQ(StatusOf(*runtime)["parts"].as_array().size(), 1u);
  is_mended = true;
  Await("recovery", [&] { return runtime->Ready().ok(); });
  EXPECT_GT(runs, 1);
}

TEST_P(RuntimeSuite, WorkThatIsDoneIsNoFailure) {
  auto runtime = MakeRuntime();
  runtime->Run("once", [](std::stop_token) { return absl::OkStatus(); });
  ASSERT_THAT(runtime->Start(), IsOk());
  Await("the end of it", [&] {
    const auto parts = StatusOf(*runtime)["parts"].as_array();
    return parts.at(0).as_object().at("has_finished") == true;
  });
  EXPECT_THAT(runtime->Ready(), IsOk());
}

TEST_P(RuntimeSuite, StopFinishesWorkAndReleasesLeases) {
  auto runtime = MakeBank();
  absl::Notification at_work;
  absl::Notification go_on;
  std::atomic<bool> is_finished = false;
  runtime->Run("long work", [&](std::stop_token) -> absl::Status {
    at_work.Notify();
    go_on.WaitForNotification();
    is_finished = true;
    return absl::OkStatus();
  });
  ASSERT_THAT(runtime->Start(), IsOk());
  OpenAccounts(*runtime);
  at_work.WaitForNotification();
  Await("leases", [&] { return !AllLeasesAreFree(*store_); });
  EXPECT_THAT(runtime->Stop(absl::Milliseconds(10)),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       ::testing::HasSubstr("long work")));
  go_on.Notify();
  EXPECT_THAT(runtime->Stop(), IsOk());
  EXPECT_TRUE(is_finished);
  EXPECT_TRUE(AllLeasesAreFree(*store_));
}

// What operators watch, under the names that the documentation gives it.
TEST_P(RuntimeSuite, ExportsWhatOperatorsWatch) {
  PrometheusMetrics metrics;
  {
    const std::shared_ptr<Broker> broker = MakeInMemoryBroker();
    RuntimeOptions options;
    options.metrics = &metrics;
    auto runtime = MakeBank(options);
    runtime->RelayTo(broker, RelayRoutes().AddPublicEvents<bank::Account>());
    ASSERT_THAT(runtime->Start(), IsOk());
    OpenAccounts(*runtime);
    Await("the relay", [&] {
      return metrics.Render().find(
                 "stele_relay_published_total{relay="
                 "\"broker\"} 3") != std::string::npos;
    });
    const std::string text = metrics.Render();
    for (const std::string name :
         {"stele_consumer_lag_events{consumer=\"relay/broker\"}",
          "stele_consumer_lag_seconds{consumer=\"saga/Transfer\"}",
          "stele_consumer_lag_events{consumer=\"projection/AccountBalance",
          "stele_consumer_parked_keys{consumer=\"saga/Transfer\"}",
          "stele_consumer_position{", "stele_consumer_slots_held{",
          "stele_relay_pending{relay=\"broker\"}",
          "stele_command_seconds_bucket{command=\"bank.Deposit\",outcome=",
          "stele_part_running{part=\"projections\"} 1"}) {
      EXPECT_THAT(text, ::testing::HasSubstr(name));
    }
    ASSERT_THAT(runtime->Stop(), IsOk());
  }
  // A process that has stopped is behind in nothing.
  EXPECT_THAT(metrics.Render(),
              ::testing::HasSubstr(
                  "stele_consumer_slots_held{consumer=\"relay/broker\"} 0"));
}

}  // namespace stele::testing

#endif  // STELE_TESTS_RUNTIME_RUNTIME_SUITE_H_
