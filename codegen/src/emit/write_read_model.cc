#include <set>

#include "absl/strings/str_cat.h"
#include "emit/template.h"
#include "emit/writing.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

std::vector<std::string> EventTypes(const ReadModel& read_model) {
  std::vector<std::string> types;
  for (const Route& route : read_model.routes) {
    types.push_back(route.event.target->qualified);
  }
  return types;
}

std::string WriteConcept(const Message& message) {
  const ReadModel& read_model = *message.read_model;
  const std::string target = read_model.sql ? "target" : "row";
  const std::string result =
      read_model.sql ? "std::same_as<absl::Status>" : "stele::RowResult";
  std::vector<std::string> events;
  for (const Route& route : read_model.routes) {
    events.push_back(route.event.target->name);
  }
  std::set<std::string> taken = {target};
  const auto names = ParameterNames(events, taken);
  const File& file = *message.file;
  std::vector<std::string> parameters = {
      read_model.sql
          ? std::string("const stele::SqlTarget& target")
          : absl::StrCat(TypeBeside(taken, file, message.qualified), "& row")};
  std::vector<std::string> requirements;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Message& event = *read_model.routes[i].event.target;
    parameters.push_back(absl::StrCat("const stele::Recorded<",
                                      TypeBeside(taken, file, event.qualified),
                                      ">& ", names[i]));
    requirements.push_back(absl::StrCat("{ T::Apply(", target, ", ", names[i],
                                        ") } -> ", result, ";"));
  }
  return Fill(R"(
    template <typename T>
    concept $name$ = requires($parameters$) {
      $requirements$
    };
  )",
              {{"name", ProjectorConcept(message.name)},
               {"parameters", Join(parameters, ", ")},
               {"requirements", Join(requirements)}});
}

}  // namespace

std::string WriteReadModel(const Message& message) {
  const ReadModel& read_model = *message.read_model;
  return Fill(
      R"(
    $heading$
    $comment$

    // Satisfied by a type that $does$. A missing overload is reported as the unmet line below.
    $concept$
  )",
      {{"heading", Heading(absl::StrCat("Read model ", message.name, " (",
                                        PlaceOf(message), "). Table \"",
                                        read_model.table, "\"."))},
       {"comment",
        message.comment.empty() ? "" : "\n" + CommentLines(message.comment)},
       {"does", read_model.sql
                    ? std::string("writes each of the events to the table")
                    : absl::StrCat("applies each of the events to ",
                                   WithArticle(message.name),
                                   ", returning nothing or a "
                                   "stele::RowAction")},
       {"concept", WriteConcept(message)}});
}

std::string WriteReadModelTraits(const Message& message) {
  const ReadModel& read_model = *message.read_model;
  const std::string ns = message.qualified.substr(
      0, message.qualified.size() - message.class_name.size());
  std::string keys;
  if (!read_model.sql) {
    keys = Join(
        {KeyFunctions(RoutesOf(read_model)),
         KeySetter("SetKey", message.qualified, "row", *message.ids().front())},
        "\n\n");
  }
  return Fill(R"(
    template <>
    struct ProjectionTraits<$read_model$> {
      static constexpr std::string_view kName = "$name$";
      static constexpr std::string_view kTable = "$table$";
      static constexpr bool kSql = $sql$;

      template <typename T>
      static constexpr bool kProjectedBy = $concept$<T>;

      $for_each_event$

      $keys$
    };
  )",
              {{"read_model", message.qualified},
               {"name", message.name},
               {"table", read_model.table},
               {"sql", read_model.sql ? "true" : "false"},
               {"concept", ns + ProjectorConcept(message.name)},
               {"for_each_event",
                VisitorFunction("ForEachEvent", EventTypes(read_model))},
               {"keys", keys}});
}

}  // namespace stele::codegen
