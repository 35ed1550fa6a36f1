#ifndef STELE_PROJECTIONS_TRAITS_H_
#define STELE_PROJECTIONS_TRAITS_H_

#include <concepts>

#include "stele/eventstore/event_traits.h"
#include "stele/eventstore/recorded.h"

namespace stele {

// What the generated code says of a read-model message. Specialized in .stele.h
// files:
//
//   template <>
//   struct ProjectionTraits<bank::AccountBalance> {
//     static constexpr std::string_view kName = "AccountBalance";
//     static constexpr std::string_view kTable = "account_balance";
//     static constexpr bool kSql = false;
//     template <typename T>
//     static constexpr bool kProjectedBy = bank::ProjectsAccountBalance<T>;
//     // visit(std::type_identity<E>()) for each event it consumes.
//     template <typename Visitor>
//     static void ForEachEvent(Visitor visit);
//     // The row an event is about, one overload for each event. Row form only.
//     static std::string KeyOf(const Recorded<bank::Deposited>& e);
//     // Puts the key into a new row. Row form only.
//     static void SetKey(bank::AccountBalance& row, std::string_view key);
//   };
//
// The columns of the table come from the message's descriptor:
//
//   bool                          boolean
//   int32, sint32, sfixed32, enum integer
//   int64, uint32, ...            bigint
//   uint64, fixed64               numeric(20)
//   float, double                 real, double precision
//   string                        text (keys: COLLATE "C")
//   bytes                         bytea
//   google.protobuf.Timestamp     timestamptz (microseconds; finer is cut off)
//   other messages, repeated, map jsonb, in protobuf's JSON form
//
// Fields with presence (optional, oneof, messages) are NULL when not set; all
// others are NOT NULL and default to the zero of their type.
template <typename ReadModel>
struct ProjectionTraits;

// What Apply() of a row form may return instead of nothing.
enum class RowAction { kKeep, kDelete };

template <typename T>
concept RowResult = std::same_as<T, void> || std::same_as<T, RowAction>;

}  // namespace stele

#endif  // STELE_PROJECTIONS_TRAITS_H_
