#ifndef STELE_EVENTSTORE_EVENT_TRAITS_H_
#define STELE_EVENTSTORE_EVENT_TRAITS_H_

namespace stele {

// What the generated code says of an event message E. Specialized in .stele.h
// files:
//
//   template <>
//   struct EventTraits<bank::Deposited> {
//     using Aggregate = bank::Account;
//     static constexpr std::string_view kType = "bank.Deposited";
//     static constexpr bool kPublic = false;
//     static constexpr std::string_view kTopic = "account";
//   };
template <typename E>
struct EventTraits;

}  // namespace stele

#endif  // STELE_EVENTSTORE_EVENT_TRAITS_H_
