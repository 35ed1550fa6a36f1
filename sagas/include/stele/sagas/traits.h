#ifndef STELE_SAGAS_TRAITS_H_
#define STELE_SAGAS_TRAITS_H_

#include "stele/eventstore/event_traits.h"
#include "stele/eventstore/recorded.h"
#include "stele/sagas/next.h"

namespace stele {

// What the generated code says of a saga message. Specialized in .stele.h
// files:
//
//   template <>
//   struct SagaTraits<bank::Transfer> {
//     static constexpr std::string_view kName = "Transfer";
//     static constexpr std::string_view kCategory = "saga_Transfer";
//     using StartsOn = bank::TransferRequested;
//     template <typename T>
//     static constexpr bool kDrivenBy = bank::DrivesTransfer<T>;
//     // visit(std::type_identity<E>()) for each event, StartsOn included.
//     template <typename Visitor>
//     static void ForEachEvent(Visitor visit);
//     // visit(std::type_identity<Command>()) for each command it may send.
//     template <typename Visitor>
//     static void ForEachCommand(Visitor visit);
//     // visit(std::type_identity<TimerTag>()) for each timer.
//     template <typename Visitor>
//     static void ForEachTimer(Visitor visit);
//     // The instance an event is about, one overload for each event.
//     static std::string KeyOf(const Recorded<bank::Withdrawn>& e);
//     // Puts the id into the state of a new instance.
//     static void SetId(bank::Transfer& saga, std::string_view id);
//   };
//
// A timer tag, generated for each entry of `timers`:
//
//   struct OrderFulfilmentPaymentTimeout {
//     static constexpr std::string_view kName = "payment_timeout";
//   };
template <typename State>
struct SagaTraits;

}  // namespace stele

#endif  // STELE_SAGAS_TRAITS_H_
