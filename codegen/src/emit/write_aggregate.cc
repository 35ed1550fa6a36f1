#include <set>

#include "absl/strings/str_cat.h"
#include "emit/template.h"
#include "emit/writing.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

std::vector<std::string> NamesOf(const std::vector<const Message*>& messages) {
  std::vector<std::string> names;
  for (const Message* message : messages) names.push_back(message->name);
  return names;
}

std::vector<std::string> QualifiedOf(
    const std::vector<const Message*>& messages) {
  std::vector<std::string> types;
  for (const Message* message : messages) types.push_back(message->qualified);
  return types;
}

std::vector<std::string> TypesIn(const File& file,
                                 const std::vector<const Message*>& messages) {
  std::vector<std::string> types;
  for (const Message* message : messages) {
    types.push_back(TypeIn(file, message->qualified));
  }
  return types;
}

// What stands for the id in "account-<account_id>".
std::string IdName(const Aggregate& aggregate) {
  return aggregate.commands.empty()
             ? "id"
             : aggregate.commands.front()->ids().front()->name;
}

std::string WriteConcept(const Message& message) {
  const File& file = *message.file;
  const Aggregate& aggregate = *message.aggregate;
  std::set<std::string> taken = {"state", "next"};
  const auto commands = ParameterNames(NamesOf(aggregate.commands), taken);
  const auto events = ParameterNames(NamesOf(aggregate.events), taken);
  const std::string state = TypeBeside(taken, file, message.qualified);
  std::vector<std::string> parameters = {
      absl::StrCat("const ", state, "& state"), absl::StrCat(state, "& next")};
  std::vector<std::string> requirements;
  const auto add = [&](const std::vector<const Message*>& messages,
                       const std::vector<std::string>& names,
                       const std::string& call, const std::string& result) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      parameters.push_back(absl::StrCat(
          "const ", TypeBeside(taken, file, messages[i]->qualified), "& ",
          names[i]));
      requirements.push_back(absl::StrCat(
          "{ T::", call, ", ", names[i], ") } -> std::same_as<", result, ">;"));
    }
  };
  add(aggregate.commands, commands, "Decide(state", DecisionName(message.name));
  add(aggregate.events, events, "Evolve(next", "void");
  return Fill(R"(
    // Satisfied by a type that can decide every command on, and evolve with every event of, $an_aggregate$. A missing overload is reported as the unmet line below.
    template <typename T>
    concept $name$ = requires($parameters$) {
      $requirements$
    };
  )",
              {{"an_aggregate", WithArticle(message.name)},
               {"name", DeciderConcept(message.name)},
               {"parameters", Join(parameters, ", ")},
               {"requirements", Join(requirements)}});
}

std::string WriteEventTraits(const Message& event) {
  const Message& owner = *event.event->of.target;
  return Fill(R"(
    template <>
    struct EventTraits<$event$> {
      using Aggregate = $aggregate$;
      static constexpr std::string_view kType = "$type$";
      static constexpr bool kPublic = $public$;
      static constexpr std::string_view kTopic = "$topic$";
    };
  )",
              {{"event", event.qualified},
               {"aggregate", owner.qualified},
               {"type", event.event->stored_name},
               {"public", event.event->is_public ? "true" : "false"},
               {"topic", event.event->topic.empty() ? owner.aggregate->stream
                                                    : event.event->topic}});
}

std::string WriteCommandTraits(const Message& command) {
  return Fill(
      R"(
    template <>
    struct CommandTraits<$command$> {
      using Aggregate = $aggregate$;
      static constexpr bool kCreates = $creates$;
      $id$
    };
  )",
      {{"command", command.qualified},
       {"aggregate", command.command->on.target->qualified},
       {"creates", command.command->creates ? "true" : "false"},
       {"id", Function(absl::StrCat("static std::string Id(const ",
                                    command.qualified, "& c)"),
                       absl::StrCat("return ",
                                    KeyOfField("c.", *command.ids().front()),
                                    ";"))}});
}

// How a client with `methods` in `file` reaches what is generated for
// `message`, which may be in another namespace: "::shop::" or nothing.
std::string PrefixOf(const File& file, const Message& message,
                     const std::set<std::string>& methods) {
  const bool is_hidden = methods.count(FieldsName(message.name)) > 0 ||
                         methods.count(MakerName(message.name)) > 0;
  if (!is_hidden && TypeIn(file, message.qualified) != message.qualified) {
    return "";
  }
  return message.qualified.substr(
      0, message.qualified.size() - message.class_name.size());
}

}  // namespace

std::string WriteAggregate(const Message& message) {
  const Aggregate& aggregate = *message.aggregate;
  const std::string heading = Heading(absl::StrCat(
      "Aggregate ", message.name, " (", PlaceOf(message), "). Streams: \"",
      aggregate.stream, "-<", IdName(aggregate), ">\"."));
  return Fill(
      R"(
    $heading$
    $comment$

    // Everything that can have happened to $an_aggregate$, in declaration order.
    using $event$ = std::variant<$events$>;

    // What Decide() returns: a rejection, or the events to append (possibly none).
    using $decision$ = stele::Decision<$event$>;

    $concept$
  )",
      {{"heading", heading},
       {"comment",
        message.comment.empty() ? "" : "\n" + CommentLines(message.comment)},
       {"an_aggregate", WithArticle(message.name)},
       {"event", EventVariantName(message.name)},
       {"events", Join(TypesIn(*message.file, aggregate.events), ", ")},
       {"decision", DecisionName(message.name)},
       {"concept", WriteConcept(message)}});
}

std::string WriteClient(const Message& message) {
  if (message.aggregate->commands.empty()) return "";
  std::vector<std::string> methods;
  std::set<std::string> names;
  for (const Message* command : message.aggregate->commands) {
    names.insert(command->class_name);
  }
  for (const Message* command : message.aggregate->commands) {
    const std::string prefix = PrefixOf(*message.file, *command, names);
    methods.push_back(Join(
        {CommentLines(command->comment),
         Function(absl::StrCat(
                      "absl::StatusOr<stele::Receipt> ", command->class_name,
                      "(", prefix, FieldsName(command->name),
                      " fields, const stele::DispatchOptions& options = "
                      "{})"),
                  absl::StrCat("return dispatcher_->Dispatch(", prefix,
                               MakerName(command->name),
                               "(std::move(fields)), options);"))}));
  }
  return Fill(
      R"(
    $heading$

    // Sends commands to instances of $aggregate$, with the errors of stele::Dispatcher. Cheap to copy. `dispatcher` must outlive it. Thread-safe.
    class $client$ {
     public:
      explicit $client$(stele::Dispatcher& dispatcher) : dispatcher_(&dispatcher) {}

      $methods$

     private:
      stele::Dispatcher* dispatcher_;
    };
  )",
      {{"heading", Heading(absl::StrCat("Client: one method per command on ",
                                        WithArticle(message.name), "."))},
       {"aggregate", message.name},
       {"client", ClientName(message.name)},
       {"methods", Join(methods, "\n\n")}});
}

std::string WriteAggregateTraits(const Message& message) {
  const Aggregate& aggregate = *message.aggregate;
  const std::string ns = absl::StrCat(message.qualified.substr(
      0, message.qualified.size() - message.class_name.size()));
  std::vector<std::string> parts = {Fill(
      R"(
    template <>
    struct AggregateTraits<$aggregate$> {
      using Event = $event$;
      static constexpr std::string_view kCategory = "$category$";
      static constexpr int kSnapshotEvery = $snapshot_every$;

      template <typename T>
      static constexpr bool kDecidedBy = $concept$<T>;

      $for_each_command$

      $for_each_event$
    };
  )",
      {{"aggregate", message.qualified},
       {"event", ns + EventVariantName(message.name)},
       {"category", aggregate.stream},
       {"snapshot_every", absl::StrCat(aggregate.snapshot_every)},
       {"concept", ns + DeciderConcept(message.name)},
       {"for_each_command",
        VisitorFunction("ForEachCommand", QualifiedOf(aggregate.commands))},
       {"for_each_event",
        VisitorFunction("ForEachEvent", QualifiedOf(aggregate.events))}})};
  for (const Message* command : aggregate.commands) {
    parts.push_back(WriteCommandTraits(*command));
  }
  for (const Message* event : aggregate.events) {
    parts.push_back(WriteEventTraits(*event));
  }
  return Join(parts, "\n\n");
}

}  // namespace stele::codegen
