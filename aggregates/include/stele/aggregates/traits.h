#ifndef STELE_AGGREGATES_TRAITS_H_
#define STELE_AGGREGATES_TRAITS_H_

#include "stele/eventstore/event_traits.h"

namespace stele {

// What the generated code says of an aggregate message. Specialized in .stele.h
// files:
//
//   template <>
//   struct AggregateTraits<bank::Account> {
//     using Event = bank::AccountEvent;  // std::variant of its events.
//     static constexpr std::string_view kCategory = "account";
//     static constexpr int kSnapshotEvery = 100;  // 0 = none.
//     template <typename T>
//     static constexpr bool kDecidedBy = bank::DecidesAccount<T>;
//     // visit(std::type_identity<Command>()) for each command on it.
//     template <typename Visitor>
//     static void ForEachCommand(Visitor visit);
//     // visit(std::type_identity<E>()) for each event of it.
//     template <typename Visitor>
//     static void ForEachEvent(Visitor visit);
//   };
template <typename State>
struct AggregateTraits;

// What the generated code says of a command message:
//
//   template <>
//   struct CommandTraits<bank::Deposit> {
//     using Aggregate = bank::Account;
//     static constexpr bool kCreates = false;
//     static std::string Id(const bank::Deposit& c) { return c.account_id(); }
//   };
template <typename Command>
struct CommandTraits;

}  // namespace stele

#endif  // STELE_AGGREGATES_TRAITS_H_
