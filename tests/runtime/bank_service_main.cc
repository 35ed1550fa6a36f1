// A small service, for the tests that run one as a process: a bank whose
// command line can be asked to work slowly and to keep itself busy.
#include <atomic>
#include <iostream>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "stele/base/status.h"
#include "stele/outbox/in_memory_broker.h"
#include "stele/runtime/service.h"
#include "tests/model/bank_rules.h"

namespace {

// A batch takes as long as a test lets it: until a stop is asked for, and then
// a little longer.
std::atomic<bool> is_stopping = false;
std::atomic<bool> is_slow = false;

struct SlowBalances : bank::Balances {
  using bank::Balances::Apply;
  static void Apply(bank::AccountBalance& row,
                    const stele::Recorded<bank::Deposited>& e) {
    if (is_slow && e->amount_cents() == 42) {
      std::cout << "in the middle of work" << std::endl;
      while (!is_stopping) {
        absl::Notification never;
        never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
      }
      absl::Notification never;
      never.WaitForNotificationWithTimeout(absl::Milliseconds(300));
    }
    bank::Balances::Apply(row, e);
  }
};

absl::Status KeepBusy(stele::Runtime& runtime, std::stop_token stop) {
  bank::AccountClient accounts(runtime);
  const auto opened =
      accounts.OpenAccount({.account_id = "ada", .owner = "Ada"});
  if (!opened.ok() && !stele::IsRejected(opened.status())) {
    return opened.status();
  }
  accounts.Withdraw({.account_id = "ada", .amount_cents = 1'000'000'000})
      .status()
      .IgnoreError();  // Refused; so that a rejection is counted.
  const auto paid = accounts.Deposit({.account_id = "ada", .amount_cents = 42});
  if (!paid.ok()) return paid.status();
  absl::Notification stopping;
  std::stop_callback on_stop(stop, [&] {
    is_stopping = true;
    stopping.Notify();
  });
  stopping.WaitForNotification();
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  stele::ServiceSettings settings;
  bool slow = false;
  bool busy = false;
  bool stubborn = false;
  bool broken = false;
  stele::Config config("bank-service", "Keeps accounts.");
  stele::AddServiceSettings(config, settings);
  config.Flag("slow", &slow, "Take long for each deposit.")
      .Flag("busy", &busy, "Make deposits.")
      .Flag("stubborn", &stubborn, "Do not stop.")
      .Flag("broken", &broken, "Throw instead of adding the parts.");
  const std::shared_ptr<stele::InMemoryBroker> broker =
      stele::MakeInMemoryBroker();
  return stele::RunService(
      argc, argv, config, settings, [&](stele::Runtime& runtime) {
        if (broken) throw std::runtime_error("a missing part");
        is_slow = slow;
        runtime.Add<bank::AccountDecider>().Add<SlowBalances>();
        runtime.Add<bank::Transfers>();
        runtime.RelayTo(broker,
                        stele::RelayRoutes().AddPublicEvents<bank::Account>());
        runtime.Consume(broker, {.name = "till", .topics = {"bank.deposits"}},
                        [](stele::Inbox&) {});
        if (busy) {
          runtime.Run("customers", [&runtime](std::stop_token stop) {
            return KeepBusy(runtime, stop);
          });
        }
        if (stubborn) {
          runtime.Run("mule", [](std::stop_token) -> absl::Status {
            absl::Notification never;
            never.WaitForNotification();
            return absl::OkStatus();
          });
        }
        return absl::OkStatus();
      });
}
