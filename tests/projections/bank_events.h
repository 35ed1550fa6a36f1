#ifndef STELE_TESTS_PROJECTIONS_BANK_EVENTS_H_
#define STELE_TESTS_PROJECTIONS_BANK_EVENTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bank.stele.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/event_store.h"

namespace stele::testing {

template <typename E>
NewEvent NewEventOf(const E& message) {
  return {RandomIds().Next(), std::string(EventTraits<E>::kType),
          message.SerializeAsString(), ""};
}

inline NewEvent Opened(std::string owner) {
  return NewEventOf(bank::MakeAccountOpened({.owner = std::move(owner)}));
}
inline NewEvent Paid(std::int64_t cents, std::string transfer = "") {
  return NewEventOf(bank::MakeDeposited(
      {.amount_cents = cents, .transfer_id = std::move(transfer)}));
}
inline NewEvent Took(std::int64_t cents, std::string transfer = "") {
  return NewEventOf(bank::MakeWithdrawn(
      {.amount_cents = cents, .transfer_id = std::move(transfer)}));
}
// Its payload is no message.
inline NewEvent Corrupt() {
  return {RandomIds().Next(), std::string(EventTraits<bank::Deposited>::kType),
          "\xff\xff\xff", ""};
}

// Appends to the account's stream; returns the last position.
inline absl::StatusOr<std::int64_t> Append(EventStore& store,
                                           const std::string& account,
                                           std::vector<NewEvent> events) {
  absl::StatusOr<AppendResult> result =
      store.Append({.stream_id = MakeStreamId("account", account),
                    .events = std::move(events)});
  if (!result.ok()) return result.status();
  return result->position;
}

}  // namespace stele::testing

#endif  // STELE_TESTS_PROJECTIONS_BANK_EVENTS_H_
