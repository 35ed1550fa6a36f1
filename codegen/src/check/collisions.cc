#include "check/collisions.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

// Namespaces that generated code names from within the user's.
bool IsLibraryNamespace(const std::string& name) {
  return name == "absl" || name == "google" || name == "std" || name == "stele";
}

// A name in a namespace, and where it comes from.
struct Definition {
  std::string name;
  std::string origin;  // "message bank.AccountClient"
  Location location;
  bool is_generated = false;
};

std::vector<Definition> Declared(const File& file) {
  std::vector<Definition> found;
  for (const Message& message : file.messages) {
    found.push_back({message.class_name,
                     absl::StrCat("message ", message.full_name),
                     message.location, false});
  }
  for (const Symbol& symbol : file.symbols) {
    found.push_back({symbol.name, absl::StrCat("name ", symbol.name),
                     symbol.location, false});
  }
  return found;
}

std::vector<std::string> NamesFor(const Message& message) {
  std::vector<std::string> names;
  if (message.aggregate) {
    names = {EventVariantName(message.name), DecisionName(message.name),
             DeciderConcept(message.name)};
    if (!message.aggregate->commands.empty()) {
      names.push_back(ClientName(message.name));
    }
  }
  if (message.command || message.event) {
    names.push_back(FieldsName(message.name));
    names.push_back(MakerName(message.name));
  }
  if (message.read_model) names.push_back(ProjectorConcept(message.name));
  if (message.saga) {
    names.push_back(SagaConcept(message.name));
    std::set<std::string> timers(message.saga->timers.begin(),
                                 message.saga->timers.end());
    for (const std::string& timer : timers) {
      if (!IsTimerName(timer)) continue;
      names.push_back(TimerTagName(message.name, timer));
    }
  }
  return names;
}

std::vector<Definition> Generated(const File& file) {
  std::vector<Definition> found;
  for (const Message& message : file.messages) {
    for (const std::string& name : NamesFor(message)) {
      found.push_back({name, absl::StrCat("code for ", message.full_name),
                       message.location, true});
    }
  }
  return found;
}

// Names of one file against those of all files before it in the same namespace:
// what it includes, and what the same program may include beside it.
void CheckFile(const File& file, const Model& model, Problems& problems) {
  std::map<std::string, Definition> known;
  const auto learn = [&known](const std::vector<Definition>& definitions) {
    for (const Definition& definition : definitions) {
      known.emplace(definition.name, definition);
    }
  };
  for (const File& other : model.files) {
    if (&other == &file) break;
    if (other.package != file.package) continue;
    learn(Declared(other));
    learn(Generated(other));
  }
  const std::map<std::string, Definition> imported = known;
  learn(Declared(file));
  for (const Definition& definition : Generated(file)) {
    const auto [other, is_new] = known.emplace(definition.name, definition);
    if (is_new) continue;
    problems.Add(
        definition.location,
        absl::StrCat(definition.origin, " would define ",
                     Quote(definition.name), ", which is ",
                     other->second.origin, " (", other->second.location.file,
                     ":", other->second.location.line, ") already"),
        "rename one of the two");
  }
  for (const Definition& definition : Declared(file)) {
    const auto other = imported.find(definition.name);
    if (other == imported.end() || !other->second.is_generated) continue;
    problems.Add(
        definition.location,
        absl::StrCat(Quote(definition.name), " is defined by ",
                     other->second.origin, " (", other->second.location.file,
                     ":", other->second.location.line, ") already"),
        "rename one of the two");
  }
}

// Commands that cannot become a method of their aggregate's client.
void CheckClients(const File& file, Problems& problems) {
  for (const Message& message : file.messages) {
    if (!message.aggregate) continue;
    const std::string client = ClientName(message.name);
    for (const Message* command : message.aggregate->commands) {
      if (command->class_name != client &&
          command->class_name != kClientMember) {
        continue;
      }
      problems.Add(command->location,
                   absl::StrCat("command ", Quote(command->full_name),
                                " cannot be a method of ", client,
                                ", which uses the name otherwise"),
                   "rename it");
    }
  }
}

void CheckHidden(const File& file, Problems& problems) {
  for (const absl::string_view part : absl::StrSplit(file.package, '.')) {
    if (!IsLibraryNamespace(std::string(part))) continue;
    problems.Add(
        file.location,
        absl::StrCat("package ", Quote(file.package),
                     " would hide the namespace ", Quote(std::string(part))),
        "choose another package name");
  }
  for (const Definition& definition : Declared(file)) {
    if (!IsLibraryNamespace(definition.name)) continue;
    problems.Add(definition.location,
                 absl::StrCat(definition.origin, " would hide the namespace ",
                              Quote(definition.name)),
                 "rename it");
  }
}

// Two files whose headers would keep each other out.
void CheckGuards(const File& file, const Model& model, Problems& problems) {
  for (const File& other : model.files) {
    if (&other == &file || !(other.is_wanted || other.has_roles()) ||
        IncludeGuard(other.path) != IncludeGuard(file.path)) {
      continue;
    }
    problems.Add(
        file.location,
        absl::StrCat("the header for ", file.path,
                     " would have the include guard of that for ", other.path),
        "rename one of the two files");
  }
}

}  // namespace

void CheckCollisions(const Model& model, Problems& problems) {
  for (const File& file : model.files) {
    if (!file.is_wanted || !file.has_roles()) continue;
    CheckFile(file, model, problems);
    CheckClients(file, problems);
    CheckHidden(file, problems);
    CheckGuards(file, model, problems);
  }
}

}  // namespace stele::codegen
