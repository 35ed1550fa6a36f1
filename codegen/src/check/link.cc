#include "check/link.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "check/lookup.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

class Linker {
 public:
  Linker(Model& model, Problems& problems)
      : model_(model), problems_(problems) {}

  void Link() {
    for (File& file : model_.files) {
      AdoptImported(file);
      for (Message& message : file.messages) {
        if (message.event) LinkEvent(message);
        if (message.command) LinkCommand(message);
      }
    }
    for (File& file : model_.files) {
      for (Message& message : file.messages) {
        if (message.event) ReportOrphan(message, message.event->of);
        if (message.command) ReportOrphan(message, message.command->on);
        if (message.read_model) LinkReadModel(message);
        if (message.saga) LinkSaga(message);
      }
    }
  }

 private:
  void Report(const Message& message, const Location& location,
              const std::string& what, const std::string& instead) {
    if (message.file->is_wanted) problems_.Add(location, what, instead);
  }

  // ---- Commands and events to their aggregates ------------------------------

  static bool IsAggregate(const Message& m) { return m.aggregate.has_value(); }
  static bool IsEvent(const Message& m) { return m.event.has_value(); }
  static bool IsCommand(const Message& m) { return m.command.has_value(); }

  void LinkEvent(Message& message) {
    LinkToAggregate(message, message.event->location, message.event->of,
                    "event", "of");
    if (Message* owner = message.event->of.target) {
      owner->aggregate->events.push_back(&message);
    }
  }

  void LinkCommand(Message& message) {
    LinkToAggregate(message, message.command->location, message.command->on,
                    "command", "on");
    if (Message* owner = message.command->on.target) {
      owner->aggregate->commands.push_back(&message);
    }
  }

  void LinkToAggregate(Message& message, const Location& location,
                       Reference& reference, const std::string& role,
                       const std::string& option) {
    if (reference.written.empty()) {
      Report(message, location,
             absl::StrCat(role, " ", Quote(message.name),
                          " belongs to no aggregate"),
             absl::StrCat("write option (stele.", role, ").", option,
                          " = \"<aggregate>\""));
      return;
    }
    Message* const found = Find(model_, reference.written, message);
    if (found == nullptr || !Sees(*message.file, *found->file)) {
      // An absolute name is left to the file of the aggregate.
      if (IsAbsolute(reference.written)) return;
      Report(message, location,
             absl::StrCat("unknown aggregate ", Quote(reference.written)),
             Suggest(model_, message, reference.written, &IsAggregate,
                     absl::StrCat(
                         "write the name of an aggregate of this file, or "
                         "\".package.Aggregate\" for one whose file imports "
                         "this one")));
    } else if (!found->aggregate) {
      Report(message, location,
             absl::StrCat(Quote(reference.written), " is not an aggregate"),
             absl::StrCat("write option (stele.aggregate) = { stream: ",
                          Quote(AsSnakeCase(found->name, "category")), " } in ",
                          found->name, ", or name another message"));
    } else if (found->file != message.file) {
      Report(
          message, location,
          absl::StrCat("aggregate ", Quote(reference.written),
                       " is declared in ", found->file->path,
                       ", whose generated code cannot know this ", role),
          absl::StrCat("move ", message.name, " to ", found->file->path,
                       ", or have that file import this one and write ", option,
                       ": ", Quote(absl::StrCat(".", found->full_name))));
    } else {
      reference.target = found;
    }
  }

  // Gives the aggregates of `file` what imported files declare for them.
  void AdoptImported(File& file) {
    for (File* imported : file.visible) {
      for (Message& message : imported->messages) {
        if (message.event) {
          if (Message* owner = Adopt(file, message.event->of)) {
            owner->aggregate->events.push_back(&message);
          }
        }
        if (message.command) {
          if (Message* owner = Adopt(file, message.command->on)) {
            owner->aggregate->commands.push_back(&message);
          }
        }
      }
    }
  }

  Message* Adopt(File& file, Reference& reference) {
    if (reference.target != nullptr || !IsAbsolute(reference.written)) {
      return nullptr;
    }
    const auto found = model_.messages.find(reference.written.substr(1));
    if (found == model_.messages.end() || found->second->file != &file ||
        !found->second->aggregate) {
      return nullptr;
    }
    return reference.target = found->second;
  }

  // True iff `written`, an absolute name of nothing that is known here, cannot
  // be meant for a file that is not: it is no name, or looks like that of an
  // aggregate which is known.
  static bool IsMisspelled(const Message& message, const std::string& written) {
    const std::string full_name = written.substr(1);
    if (!IsStoredName(full_name)) return true;
    const std::string name = full_name.substr(full_name.rfind('.') + 1);
    const auto is_meant = [&name](const Message& other) {
      return other.aggregate && !Nearest(name, {other.name}).empty();
    };
    const std::deque<Message>& own = message.file->messages;
    if (std::any_of(own.begin(), own.end(), is_meant)) return true;
    return std::any_of(message.file->visible.begin(),
                       message.file->visible.end(), [&name](const File* file) {
                         return std::any_of(
                             file->messages.begin(), file->messages.end(),
                             [&name](const Message& other) {
                               return other.aggregate && other.name == name;
                             });
                       });
  }

  // An absolute name that nobody answered to, of a message which all the same
  // is known here.
  void ReportOrphan(const Message& message, const Reference& reference) {
    if (reference.target != nullptr || !IsAbsolute(reference.written)) return;
    const Message* const found = Find(model_, reference.written, message);
    const Location& location =
        message.event ? message.event->location : message.command->location;
    if (found == nullptr) {
      if (IsMisspelled(message, reference.written)) {
        Report(message, location,
               absl::StrCat("unknown aggregate ", Quote(reference.written)),
               Suggest(model_, message, reference.written, &IsAggregate,
                       "write \".package.Aggregate\""));
      }
      return;
    }
    if (Sees(*message.file, *found->file)) return;
    if (!found->aggregate) {
      Report(message, location,
             absl::StrCat(Quote(reference.written), " is not an aggregate"),
             "name a message with option (stele.aggregate)");
    } else {
      Report(message, location,
             absl::StrCat("aggregate ", Quote(reference.written),
                          " does not know this message"),
             absl::StrCat("import ", Quote(message.file->path), " in ",
                          found->file->path));
    }
  }

  // ---- Read models and sagas to what they consume ---------------------------

  void LinkReadModel(Message& message) {
    for (Route& route : message.read_model->routes) {
      LinkRoute(message, message.read_model->location, route);
    }
  }

  void LinkSaga(Message& message) {
    Saga& saga = *message.saga;
    if (saga.starts_on && !saga.starts_on->event.written.empty()) {
      LinkRoute(message, saga.location, *saga.starts_on);
    }
    for (Route& route : saga.on) LinkRoute(message, saga.location, route);
    for (Reference& command : saga.sends) {
      LinkTo(message, saga.location, command, &IsCommand, "command", "on");
    }
  }

  void LinkRoute(const Message& message, const Location& location,
                 Route& route) {
    LinkTo(message, location, route.event, &IsEvent, "event", "of");
    if (route.event.target == nullptr || route.by.empty()) return;
    std::vector<std::string> names;
    for (const Field& field : route.event.target->fields) {
      if (field.name == route.by) route.by_field = &field;
      names.push_back(field.name);
    }
    if (route.by_field != nullptr) return;
    const std::string nearest = Nearest(route.by, names);
    Report(message, location,
           absl::StrCat("event ", Quote(route.event.target->name),
                        " has no field ", Quote(route.by)),
           nearest.empty()
               ? std::string("name one of its fields in `by`, or leave `by` "
                             "out to use the id of the event's stream")
               : absl::StrCat("did you mean by: ", Quote(nearest), "?"));
  }

  // Links `reference` to a command or event whose aggregate can be seen too.
  void LinkTo(const Message& message, const Location& location,
              Reference& reference, HasRole has_role, const std::string& role,
              const std::string& option) {
    const std::string& written = reference.written;
    if (written.empty()) {
      Report(message, location,
             absl::StrCat(Quote(message.name), " lists ", WithArticle(role),
                          " that has no name"),
             absl::StrCat("write the name of the ", role,
                          ", or remove the entry"));
      return;
    }
    Message* const found = Find(model_, written, message);
    if (found == nullptr) {
      Report(message, location,
             absl::StrCat("unknown ", role, " ", Quote(written)),
             Suggest(model_, message, written, has_role,
                     absl::StrCat("write the name of ", WithArticle(role),
                                  " of this file or of one it imports")));
    } else if (!Sees(*message.file, *found->file)) {
      Report(message, location,
             absl::StrCat(role, " ", Quote(written), " is declared in ",
                          found->file->path, ", which is not imported"),
             absl::StrCat("add import ", Quote(found->file->path), ";"));
    } else if (!has_role(*found)) {
      Report(message, location,
             absl::StrCat(Quote(written), " is not ", WithArticle(role)),
             absl::StrCat("write option (stele.", role, ").", option,
                          " = \"<aggregate>\" in ", found->name,
                          ", or name another message"));
    } else {
      LinkOwned(message, location, reference, *found, role);
    }
  }

  void LinkOwned(const Message& message, const Location& location,
                 Reference& reference, Message& found,
                 const std::string& role) {
    const Reference& owner = found.event ? found.event->of : found.command->on;
    if (owner.target != nullptr && Sees(*message.file, *owner.target->file)) {
      reference.target = &found;
      return;
    }
    // Reported where the command or event stands, if it is wrong there.
    if (owner.target == nullptr && !IsAbsolute(owner.written)) return;
    Report(
        message, location,
        absl::StrCat("the aggregate of ", role, " ", Quote(reference.written),
                     ", ", Quote(owner.written), ", cannot be seen here"),
        owner.target != nullptr
            ? absl::StrCat("add import ", Quote(owner.target->file->path), ";")
            : std::string("import the file that declares it"));
  }

  Model& model_;
  Problems& problems_;
};

}  // namespace

void LinkModel(Model& model, Problems& problems) {
  Linker(model, problems).Link();
}

}  // namespace stele::codegen
