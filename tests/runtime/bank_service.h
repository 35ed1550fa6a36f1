#ifndef STELE_TESTS_RUNTIME_BANK_SERVICE_H_
#define STELE_TESTS_RUNTIME_BANK_SERVICE_H_

#include <gmock/gmock.h>

#include <functional>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/runtime/runtime.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"

namespace stele::testing {

// Waits until `holds`; fails the test after a minute.
inline void Await(const std::string& what, const std::function<bool()>& holds) {
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  while (!holds()) {
    ASSERT_LT(absl::Now(), deadline) << "never came: " << what;
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
}

// Whether nobody holds a slot of any consumer.
inline bool AllLeasesAreFree(EventStore& store) {
  const auto consumers = store.consumers().List();
  if (!consumers.ok()) return false;
  for (const ConsumerStatus& consumer : *consumers) {
    for (const SlotStatus& slot : consumer.slots) {
      if (!slot.owner.empty()) return false;
    }
  }
  return true;
}

inline void OpenAccounts(Runtime& runtime) {
  bank::AccountClient accounts(runtime);
  for (const std::string id : {"ada", "bob"}) {
    EXPECT_THAT(accounts.OpenAccount({.account_id = id, .owner = id}), IsOk());
  }
  EXPECT_THAT(accounts.Deposit({.account_id = "ada", .amount_cents = 100}),
              IsOk());
}

inline std::int64_t BalanceOf(Runtime& runtime, const std::string& id) {
  const auto row = runtime.Find<bank::AccountBalance>(id);
  return row.ok() ? row->balance_cents() : -1;
}

}  // namespace stele::testing

#endif  // STELE_TESTS_RUNTIME_BANK_SERVICE_H_
