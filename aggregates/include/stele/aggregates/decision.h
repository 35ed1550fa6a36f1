#ifndef STELE_AGGREGATES_DECISION_H_
#define STELE_AGGREGATES_DECISION_H_

#include <concepts>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "stele/base/check.h"

namespace stele {

// A rule's answer "no": a stable snake_case reason for programs, and words for
// people (may be empty).
struct [[nodiscard]] Rejection {
  std::string reason;
  std::string message;
};

inline Rejection Reject(std::string reason, std::string message = "") {
  return {std::move(reason), std::move(message)};
}

// The command was fine and changes nothing; a vector without events says the
// same. Forgotten at once unless DispatchOptions::remember_no_events is set.
struct NoEventsTag {};
inline constexpr NoEventsTag NoEvents;

namespace aggregates_internal {
template <typename T, typename Variant>
inline constexpr bool kIsAlternative = false;
template <typename T, typename... Ts>
inline constexpr bool kIsAlternative<T, std::variant<Ts...>> =
    (std::same_as<T, Ts> || ...);
}  // namespace aggregates_internal

// What a decider returns: a rejection, or the events to append. `Event` is the
// variant of an aggregate's events:
//
//   return stele::Reject("not_open");
//   return stele::NoEvents;
//   return MakeDeposited({.amount_cents = 5});
//   return {MakeDeposited({...}), MakeWithdrawn({...})};
template <typename Event>
class [[nodiscard]] Decision {
 public:
  Decision(Rejection rejection) : value_(std::move(rejection)) {}  // NOLINT
  Decision(NoEventsTag) {}                                         // NOLINT
  Decision(std::initializer_list<Event> events)
      : value_(std::vector<Event>(events)) {}
  Decision(std::vector<Event> events) : value_(std::move(events)) {}  // NOLINT
  template <typename E>
  requires aggregates_internal::kIsAlternative<E, Event> Decision(E event)
      : value_(std::vector<Event>()) {  // NOLINT
    std::get<std::vector<Event>>(value_).emplace_back(std::move(event));
  }

  bool is_rejected() const { return std::holds_alternative<Rejection>(value_); }
  // REQUIRES: is_rejected().
  const Rejection& rejection() const {
    STELE_CHECK(is_rejected());
    return *std::get_if<Rejection>(&value_);
  }
  // REQUIRES: !is_rejected().
  const std::vector<Event>& events() const {
    STELE_CHECK(!is_rejected());
    return *std::get_if<std::vector<Event>>(&value_);
  }

 private:
  std::variant<std::vector<Event>, Rejection> value_;
};

}  // namespace stele

#endif  // STELE_AGGREGATES_DECISION_H_
