#ifndef STELE_TESTS_AGGREGATES_TILL_TILL_MODEL_H_
#define STELE_TESTS_AGGREGATES_TILL_TILL_MODEL_H_

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "stele/aggregates/decision.h"
#include "stele/aggregates/traits.h"
#include "stele/eventstore/event_traits.h"
#include "till/till.pb.h"

// What the plugin would write for till.proto, by hand, so that these tests do
// not depend on the plugin.
namespace till {

using TillEvent = std::variant<TillOpened, PaidIn, PaidOut, Cursed>;
using TillDecision = stele::Decision<TillEvent>;

template <typename T>
concept DecidesTill = requires(const Till& state, Till& next,
                               const OpenTill& open_till, const PayIn& pay_in,
                               const PayOut& pay_out, const Exchange& exchange,
                               const Look& look, const Misbehave& misbehave,
                               const TillOpened& till_opened,
                               const PaidIn& paid_in, const PaidOut& paid_out,
                               const Cursed& cursed) {
  { T::Decide(state, open_till) } -> std::same_as<TillDecision>;
  { T::Decide(state, pay_in) } -> std::same_as<TillDecision>;
  { T::Decide(state, pay_out) } -> std::same_as<TillDecision>;
  { T::Decide(state, exchange) } -> std::same_as<TillDecision>;
  { T::Decide(state, look) } -> std::same_as<TillDecision>;
  { T::Decide(state, misbehave) } -> std::same_as<TillDecision>;
  { T::Evolve(next, till_opened) } -> std::same_as<void>;
  { T::Evolve(next, paid_in) } -> std::same_as<void>;
  { T::Evolve(next, paid_out) } -> std::same_as<void>;
  { T::Evolve(next, cursed) } -> std::same_as<void>;
};

inline OpenTill MakeOpenTill(std::string till_id, std::string clerk = "Ada") {
  OpenTill m;
  m.set_till_id(std::move(till_id));
  m.set_clerk(std::move(clerk));
  return m;
}
inline PayIn MakePayIn(std::string till_id, std::int64_t cents,
                       std::string note = "") {
  PayIn m;
  m.set_till_id(std::move(till_id));
  m.set_cents(cents);
  m.set_note(std::move(note));
  return m;
}
inline PayOut MakePayOut(std::string till_id, std::int64_t cents) {
  PayOut m;
  m.set_till_id(std::move(till_id));
  m.set_cents(cents);
  return m;
}
inline Exchange MakeExchange(std::string till_id, std::int64_t cents) {
  Exchange m;
  m.set_till_id(std::move(till_id));
  m.set_cents(cents);
  return m;
}
inline Look MakeLook(std::string till_id) {
  Look m;
  m.set_till_id(std::move(till_id));
  return m;
}
inline Misbehave MakeMisbehave(std::string till_id, Misdeed misdeed) {
  Misbehave m;
  m.set_till_id(std::move(till_id));
  m.set_misdeed(misdeed);
  return m;
}
inline TillOpened MakeTillOpened(std::string clerk = "Ada") {
  TillOpened m;
  m.set_clerk(std::move(clerk));
  return m;
}
inline PaidIn MakePaidIn(std::int64_t cents, std::string note = "") {
  PaidIn m;
  m.set_cents(cents);
  m.set_note(std::move(note));
  return m;
}
inline PaidOut MakePaidOut(std::int64_t cents) {
  PaidOut m;
  m.set_cents(cents);
  return m;
}

}  // namespace till

namespace stele {

template <>
struct AggregateTraits<till::Till> {
  using Event = till::TillEvent;
  static constexpr std::string_view kCategory = "till";
  static constexpr int kSnapshotEvery = 5;
  template <typename T>
  static constexpr bool kDecidedBy = till::DecidesTill<T>;
  template <typename Visitor>
  static void ForEachCommand(Visitor visit) {
    visit(std::type_identity<till::OpenTill>());
    visit(std::type_identity<till::PayIn>());
    visit(std::type_identity<till::PayOut>());
    visit(std::type_identity<till::Exchange>());
    visit(std::type_identity<till::Look>());
    visit(std::type_identity<till::Misbehave>());
  }
  template <typename Visitor>
  static void ForEachEvent(Visitor visit) {
    visit(std::type_identity<till::TillOpened>());
    visit(std::type_identity<till::PaidIn>());
    visit(std::type_identity<till::PaidOut>());
    visit(std::type_identity<till::Cursed>());
  }
};

namespace till_traits {
template <typename Command, bool creates = false>
struct OnTill {
  using Aggregate = till::Till;
  static constexpr bool kCreates = creates;
  static std::string Id(const Command& c) { return c.till_id(); }
};
struct OfTill {
  using Aggregate = till::Till;
  static constexpr bool kPublic = false;
  static constexpr std::string_view kTopic = "till";
};
}  // namespace till_traits

template <>
struct CommandTraits<till::OpenTill>
    : till_traits::OnTill<till::OpenTill, true> {};
template <>
struct CommandTraits<till::PayIn> : till_traits::OnTill<till::PayIn> {};
template <>
struct CommandTraits<till::PayOut> : till_traits::OnTill<till::PayOut> {};
template <>
struct CommandTraits<till::Exchange> : till_traits::OnTill<till::Exchange> {};
template <>
struct CommandTraits<till::Look> : till_traits::OnTill<till::Look> {};
template <>
struct CommandTraits<till::Misbehave> : till_traits::OnTill<till::Misbehave> {};

template <>
struct EventTraits<till::TillOpened> : till_traits::OfTill {
  static constexpr std::string_view kType = "till.TillOpened";
};
// Stored under a name of its own, as after a renaming.
template <>
struct EventTraits<till::PaidIn> : till_traits::OfTill {
  static constexpr std::string_view kType = "till.Received";
};
template <>
struct EventTraits<till::PaidOut> : till_traits::OfTill {
  static constexpr std::string_view kType = "till.PaidOut";
};
template <>
struct EventTraits<till::Cursed> : till_traits::OfTill {
  static constexpr std::string_view kType = "till.Cursed";
};

}  // namespace stele

#endif  // STELE_TESTS_AGGREGATES_TILL_TILL_MODEL_H_
