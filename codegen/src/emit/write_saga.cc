#include <set>

#include "absl/strings/str_cat.h"
#include "emit/template.h"
#include "emit/writing.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

// The inputs of a saga as parameters of its concept and calls of On().
class Inputs {
 public:
  explicit Inputs(const Message& message) : file_(*message.file) {
    const Saga& saga = *message.saga;
    for (const Route* route : RoutesOf(saga)) {
      const Message& event = *route->event.target;
      Add("Recorded", event.name, event.qualified, "");
    }
    for (const Reference& command : saga.sends) {
      const Message& target = *command.target;
      Add("Rejected", target.name, target.qualified, "_rejected");
    }
    for (const std::string& timer : saga.timers) {
      Add("Elapsed", timer, TimerTagName(message.name, timer), "_elapsed");
    }
    saga_ = message.qualified;
  }

  std::string parameters() const {
    std::vector<std::string> parameters = {
        absl::StrCat(TypeBeside(taken_, file_, saga_), "& saga")};
    for (const Input& input : inputs_) {
      parameters.push_back(absl::StrCat("const stele::", input.wrapper, "<",
                                        TypeBeside(taken_, file_, input.type),
                                        ">& ", input.name));
    }
    return Join(parameters, ", ");
  }

  std::string requirements() const {
    std::vector<std::string> requirements;
    for (const Input& input : inputs_) {
      requirements.push_back(absl::StrCat("{ T::On(saga, ", input.name,
                                          ") } -> std::same_as<stele::Next>;"));
    }
    return Join(requirements);
  }

 private:
  struct Input {
    std::string wrapper;
    std::string type;
    std::string name;
  };

  void Add(const std::string& wrapper, const std::string& name,
           const std::string& type, const std::string& suffix) {
    inputs_.push_back(
        {wrapper, type, ParameterNames({name}, taken_, suffix).front()});
  }

  const File& file_;
  std::string saga_;
  std::set<std::string> taken_ = {"saga"};
  std::vector<Input> inputs_;
};

std::string WriteTimerTags(const Message& message) {
  std::vector<std::string> tags;
  for (const std::string& timer : message.saga->timers) {
    tags.push_back(
        Fill(R"(
      // The timer "$timer$", e.g. in stele::StartTimer<$tag$>().
      struct $tag$ {
        static constexpr std::string_view kName = "$timer$";
      };
    )",
             {{"tag", TimerTagName(message.name, timer)}, {"timer", timer}}));
  }
  return Join(tags, "\n\n");
}

}  // namespace

std::string WriteSaga(const Message& message) {
  const Inputs inputs(message);
  const std::string tags = WriteTimerTags(message);
  return Fill(
      R"(
    $heading$
    $comment$

    $tags$

    // Satisfied by a type that answers every input of $a_saga$: the events it waits for, the rejection of each command it sends, its timers. A missing overload is reported as the unmet line below.
    template <typename T>
    concept $name$ = requires($parameters$) {
      $requirements$
    };
  )",
      {{"heading",
        Heading(absl::StrCat(
            "Saga ", message.name, " (", PlaceOf(message), "). Starts on ",
            message.saga->starts_on->event.target->name, "."))},
       {"comment",
        message.comment.empty() ? "" : "\n" + CommentLines(message.comment)},
       {"tags", tags},
       {"a_saga", WithArticle(message.name)},
       {"name", SagaConcept(message.name)},
       {"parameters", inputs.parameters()},
       {"requirements", inputs.requirements()}});
}

std::string WriteSagaTraits(const Message& message) {
  const Saga& saga = *message.saga;
  const std::string ns = message.qualified.substr(
      0, message.qualified.size() - message.class_name.size());
  std::vector<std::string> events;
  std::vector<std::string> commands;
  std::vector<std::string> timers;
  for (const Route* route : RoutesOf(saga)) {
    events.push_back(route->event.target->qualified);
  }
  for (const Reference& command : saga.sends) {
    commands.push_back(command.target->qualified);
  }
  for (const std::string& timer : saga.timers) {
    timers.push_back(ns + TimerTagName(message.name, timer));
  }
  return Fill(
      R"(
    template <>
    struct SagaTraits<$saga$> {
      static constexpr std::string_view kName = "$name$";
      static constexpr std::string_view kCategory = "$category$";
      using StartsOn = $starts_on$;

      template <typename T>
      static constexpr bool kDrivenBy = $concept$<T>;

      $for_each_event$

      $for_each_command$

      $for_each_timer$

      $keys$

      $set_id$
    };
  )",
      {{"saga", message.qualified},
       {"name", message.name},
       {"category", SagaCategory(message.name)},
       {"starts_on", events.front()},
       {"concept", ns + SagaConcept(message.name)},
       {"for_each_event", VisitorFunction("ForEachEvent", events)},
       {"for_each_command", VisitorFunction("ForEachCommand", commands)},
       {"for_each_timer", VisitorFunction("ForEachTimer", timers)},
       {"keys", KeyFunctions(RoutesOf(saga))},
       {"set_id", KeySetter("SetId", message.qualified, "state",
                            *message.ids().front())}});
}

}  // namespace stele::codegen
