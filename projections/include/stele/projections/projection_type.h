#ifndef STELE_PROJECTIONS_PROJECTION_TYPE_H_
#define STELE_PROJECTIONS_PROJECTION_TYPE_H_

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "stele/eventstore/event.h"
#include "stele/eventstore/event_traits.h"
#include "stele/eventstore/recorded.h"
#include "stele/projections/sql_target.h"
#include "stele/projections/traits.h"

namespace stele {

// What a projection does with one type of event.
struct ProjectionEvent {
  std::string type;  // As stored, e.g. "bank.Deposited".

  // Row form: which row the event is about (empty = none: the event is passed
  // over), and how it changes that row. kDataLoss if the payload cannot be
  // parsed.
  std::function<absl::StatusOr<std::string>(const RecordedEvent&)> key_of;
  std::function<absl::StatusOr<RowAction>(google::protobuf::Message& row,
                                          const RecordedEvent&)>
      apply_row;

  // SQL form.
  std::function<absl::Status(const SqlTarget&, const RecordedEvent&)> apply_sql;
};

// A projection without its types: what MakeProjectionType() makes of a
// projector, and all that the engine knows of it. A value; freely copied.
//
// A projector is a struct with an alias `ReadModel` and one static Apply() for
// each event that the read model consumes:
//
//   row form   void or RowAction Apply(ReadModel& row, const Recorded<E>& e)
//   SQL form   absl::Status Apply(const SqlTarget& target,
//                                 const Recorded<E>& e)
//
// It may further say:
//
//   static constexpr int kVersion = 2;
//       Raise it when Apply() means something else than before. Together with
//       the columns and the events it makes the fingerprint of the table, and
//       a table with another fingerprint is built anew.
//   static constexpr bool kInLogOrder = true;
//       SQL form only: all events, in the order of the log, one at a time in
//       the whole system. Otherwise order holds per stream, and events of
//       different streams may be applied by different processes.
//   static absl::Status Prepare(const SqlTarget& target);
//       Runs once for each new version of the table, right after it was
//       created: the place for indexes and constraints.
//
// Apply() must depend on nothing but its arguments, for a rebuild runs it
// again. It should not throw; if it does, that is an error of the event.
struct ProjectionType {
  std::string name;   // "AccountBalance".
  std::string table;  // "account_balance": the public name, a view.
  bool is_sql = false;
  bool is_in_log_order = false;
  std::string code_version;  // Projector::kVersion.
  // A default read model; gives the columns. Lives for ever.
  const google::protobuf::Message* prototype = nullptr;
  // Puts the key into a new row. Row form only.
  std::function<void(google::protobuf::Message& row, std::string_view key)>
      set_key;
  std::function<absl::Status(const SqlTarget&)> prepare;  // May be empty.
  std::vector<ProjectionEvent> events;
};

namespace projections_internal {

absl::Status UndecodableError(const RecordedEvent& event);

template <typename E>
absl::StatusOr<E> Decode(const RecordedEvent& event) {
  E message;
  if (!message.ParseFromString(event.payload)) return UndecodableError(event);
  return message;
}

template <typename Projector, typename E>
ProjectionEvent BindRowEvent() {
  using ReadModel = typename Projector::ReadModel;
  ProjectionEvent bound;
  bound.type = EventTraits<E>::kType;
  bound.key_of = [](const RecordedEvent& event) -> absl::StatusOr<std::string> {
    absl::StatusOr<E> message = Decode<E>(event);
    if (!message.ok()) return message.status();
    return ProjectionTraits<ReadModel>::KeyOf(Recorded<E>(*message, event));
  };
  bound.apply_row =
      [](google::protobuf::Message& row,
         const RecordedEvent& event) -> absl::StatusOr<RowAction> {
    absl::StatusOr<E> message = Decode<E>(event);
    if (!message.ok()) return message.status();
    const Recorded<E> recorded(*message, event);
    auto& typed = static_cast<ReadModel&>(row);
    using Result = decltype(Projector::Apply(typed, recorded));
    static_assert(RowResult<Result>,
                  "Apply() of a row form returns void or stele::RowAction.");
    if constexpr (std::is_void_v<Result>) {
      Projector::Apply(typed, recorded);
      return RowAction::kKeep;
    } else {
      return Projector::Apply(typed, recorded);
    }
  };
  return bound;
}

template <typename Projector, typename E>
ProjectionEvent BindSqlEvent() {
  ProjectionEvent bound;
  bound.type = EventTraits<E>::kType;
  bound.apply_sql = [](const SqlTarget& target,
                       const RecordedEvent& event) -> absl::Status {
    absl::StatusOr<E> message = Decode<E>(event);
    if (!message.ok()) return message.status();
    return Projector::Apply(target, Recorded<E>(*message, event));
  };
  return bound;
}

}  // namespace projections_internal

// Describes a projector. Its read model's generated concept is checked here.
template <typename Projector>
ProjectionType MakeProjectionType() {
  using ReadModel = typename Projector::ReadModel;
  using Traits = ProjectionTraits<ReadModel>;
  static_assert(Traits::template kProjectedBy<Projector>,
                "The projector lacks an Apply() for an event of its read "
                "model; the generated concept Projects<ReadModel> says which.");
  ProjectionType type;
  type.name = Traits::kName;
  type.table = Traits::kTable;
  type.is_sql = Traits::kSql;
  type.prototype = &ReadModel::default_instance();
  if constexpr (requires { Projector::kVersion; }) {
    type.code_version = absl::StrCat(Projector::kVersion);
  }
  if constexpr (requires { Projector::kInLogOrder; }) {
    static_assert(Traits::kSql || !Projector::kInLogOrder,
                  "kInLogOrder is for the SQL form: `sql: true` in the .proto");
    type.is_in_log_order = Projector::kInLogOrder;
  }
  if constexpr (requires { &Projector::Prepare; }) {
    static_assert(
        std::is_invocable_r_v<absl::Status, decltype(&Projector::Prepare),
                              const SqlTarget&>,
        "Prepare() is: static absl::Status Prepare(const SqlTarget& target)");
  }
  if constexpr (requires(const SqlTarget& t) { Projector::Prepare(t); }) {
    type.prepare = [](const SqlTarget& t) { return Projector::Prepare(t); };
  }
  if constexpr (!Traits::kSql) {
    type.set_key = [](google::protobuf::Message& row, std::string_view key) {
      Traits::SetKey(static_cast<ReadModel&>(row), key);
    };
  }
  Traits::ForEachEvent([&type]<typename E>(std::type_identity<E>) {
    if constexpr (Traits::kSql) {
      type.events.push_back(projections_internal::BindSqlEvent<Projector, E>());
    } else {
      type.events.push_back(projections_internal::BindRowEvent<Projector, E>());
    }
  });
  return type;
}

}  // namespace stele

#endif  // STELE_PROJECTIONS_PROJECTION_TYPE_H_
