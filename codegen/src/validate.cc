#include "validate.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collisions.h"
#include "keys.h"
#include "names.h"

namespace stele::codegen {
namespace {

std::string Quote(const std::string& name) {
  return absl::StrCat("\"", name, "\"");
}

const Location& RoleLocation(const Message& message) {
  if (message.aggregate) return message.aggregate->location;
  if (message.command) return message.command->location;
  if (message.event) return message.event->location;
  if (message.read_model) return message.read_model->location;
  if (message.saga) return message.saga->location;
  return message.location;
}

// Judges messages one by one.
class Validator {
 public:
  explicit Validator(Problems& problems) : problems_(problems) {}

  void Validate(const Message& message) {
    if (message.has_role()) CheckRole(message);
    CheckIdMarks(message);
    if (message.aggregate) CheckAggregate(message);
    if (message.command) CheckCommand(message);
    if (message.event) CheckEvent(message);
    if (message.read_model) CheckReadModel(message);
    if (message.saga) CheckSaga(message);
    if (message.command || message.event) CheckFields(message);
  }

 private:
  void CheckRole(const Message& message) {
    std::vector<std::string> roles;
    if (message.aggregate) roles.push_back("an aggregate");
    if (message.command) roles.push_back("a command");
    if (message.event) roles.push_back("an event");
    if (message.read_model) roles.push_back("a read model");
    if (message.saga) roles.push_back("a saga");
    if (roles.size() > 1) {
      problems_.Add(message.location,
                    absl::StrCat(Quote(message.name), " is both ", roles[0],
                                 " and ", roles[1]),
                    "make two messages of it");
    }
    if (message.is_nested) {
      problems_.Add(RoleLocation(message),
                    absl::StrCat(Quote(message.full_name), " is ", roles[0],
                                 " inside another message"),
                    "move it out, to the top level of the file");
    }
  }

  // Fields marked as id where that means nothing.
  void CheckIdMarks(const Message& message) {
    if (message.command || message.read_model || message.saga) return;
    for (const Field* field : message.ids()) {
      problems_.Add(
          field->id_location,
          absl::StrCat("(stele.id) means nothing in ", Quote(message.name)),
          message.event
              ? "remove it; the id of an event is in the name of its stream"
              : "remove it; only commands, read models and sagas have an id");
    }
  }

  void CheckAggregate(const Message& message) {
    const Aggregate& aggregate = *message.aggregate;
    const std::string proposal = AsSnakeCase(message.name, "category");
    if (aggregate.stream.empty()) {
      problems_.Add(aggregate.location,
                    absl::StrCat("aggregate ", Quote(message.name),
                                 " has no stream category"),
                    absl::StrCat("write stream: ", Quote(proposal)));
    } else if (!IsStreamCategory(aggregate.stream)) {
      problems_.Add(
          aggregate.location,
          absl::StrCat("bad stream category ", Quote(aggregate.stream)),
          absl::StrCat("begin with a letter and go on with letters, digits and "
                       "underscores, e.g. ",
                       Quote(AsSnakeCase(aggregate.stream, proposal))));
    } else if (absl::StartsWith(aggregate.stream, "saga_")) {
      problems_.Add(aggregate.location,
                    absl::StrCat("stream category ", Quote(aggregate.stream),
                                 " is kept for the streams of sagas"),
                    "choose a name that does not begin with \"saga_\"");
    }
    if (aggregate.snapshot_every > 0x7FFFFFFF) {
      problems_.Add(aggregate.location,
                    absl::StrCat("snapshot_every: ", aggregate.snapshot_every,
                                 " is too large"),
                    "write at most 2147483647, or 0 for no snapshots");
    }
    if (aggregate.events.empty()) {
      problems_.Add(
          aggregate.location,
          absl::StrCat("aggregate ", Quote(message.name), " has no events"),
          absl::StrCat("write option (stele.event).of = ", Quote(message.name),
                       " in a message that says what can happen to it"));
    }
  }

  void CheckCommand(const Message& message) {
    const std::vector<const Field*> ids = message.ids();
    if (ids.empty()) {
      problems_.Add(message.location,
                    absl::StrCat("command ", Quote(message.name),
                                 " does not say which instance it is for"),
                    "mark the field that does with [(stele.id) = true]");
    }
    ExpectOneId(ids, absl::StrCat("command ", Quote(message.name)),
                "mark one field only");
    for (const Field* field : ids) CheckKey(*field);
  }

  void ExpectOneId(const std::vector<const Field*>& ids,
                   const std::string& owner, const std::string& instead) {
    for (std::size_t i = 1; i < ids.size(); ++i) {
      problems_.Add(
          ids[i]->id_location,
          absl::StrCat(owner, " has a second id, ", Quote(ids[i]->name),
                       ", beside ", Quote(ids[0]->name)),
          instead);
    }
  }

  void CheckKey(const Field& field) {
    if (CanBeKey(field)) return;
    problems_.Add(field.id_location,
                  absl::StrCat("field ", Quote(field.name), ", ",
                               Describe(field), ", cannot be an id"),
                  "make it a string or an integer");
  }

  void CheckEvent(const Message& message) {
    const Event& event = *message.event;
    if (!IsStoredName(event.stored_name)) {
      problems_.Add(event.location,
                    absl::StrCat("bad stored name ", Quote(event.stored_name)),
                    absl::StrCat("write words of letters, digits and "
                                 "underscores with dots between them, e.g. ",
                                 Quote(message.full_name)));
    } else if (absl::StartsWith(event.stored_name, "stele.")) {
      problems_.Add(event.location,
                    absl::StrCat("stored name ", Quote(event.stored_name),
                                 " is kept for Stele's own events"),
                    "choose a name that does not begin with \"stele.\"");
    }
    if (event.topic.empty()) return;
    if (!IsTopicName(event.topic)) {
      problems_.Add(event.location,
                    absl::StrCat("bad topic ", Quote(event.topic)),
                    "use letters, digits, \"_\", \"-\" and single dots inside");
    } else if (!event.is_public) {
      problems_.Add(event.location,
                    absl::StrCat("event ", Quote(message.name),
                                 " has a topic but is not public"),
                    "add public: true, or remove the topic");
    }
  }

  void CheckReadModel(const Message& message) {
    const ReadModel& read_model = *message.read_model;
    const std::string owner = absl::StrCat("read model ", Quote(message.name));
    CheckTable(message);
    if (read_model.routes.empty()) {
      problems_.Add(read_model.location,
                    absl::StrCat(owner, " is made from no events"),
                    "list them, e.g. from: [ \"AccountOpened\" ]");
    }
    const std::vector<const Field*> ids = message.ids();
    if (ids.empty()) {
      problems_.Add(message.location,
                    absl::StrCat(owner, " has no id to find its rows by"),
                    "mark a field with [(stele.id) = true]");
    }
    CheckRepeats(read_model.location, owner, RoutesOf(read_model));
    if (read_model.sql) {
      CheckSqlForm(message);
      return;
    }
    ExpectOneId(ids, owner,
                "mark one field only, or write sql: true and keep the table in "
                "SQL");
    for (const Field* field : ids) CheckKey(*field);
    for (const Route* route : RoutesOf(read_model)) {
      CheckRoute(read_model.location, owner, *route, ids);
    }
  }

  void CheckTable(const Message& message) {
    const std::string& table = message.read_model->table;
    const std::string proposal = AsSnakeCase(message.name, "rows");
    if (table.empty()) {
      problems_.Add(
          message.read_model->location,
          absl::StrCat("read model ", Quote(message.name), " has no table"),
          absl::StrCat("write table: ", Quote(proposal)));
    } else if (!IsTableName(table)) {
      problems_.Add(
          message.read_model->location,
          absl::StrCat("bad table name ", Quote(table)),
          absl::StrCat("use small letters, digits and underscores, at "
                       "most 40, e.g. ",
                       Quote(AsSnakeCase(table, proposal))));
    }
  }

  void CheckSqlForm(const Message& message) {
    for (const Field* field : message.ids()) {
      if (CanBeSqlKey(*field)) continue;
      problems_.Add(
          field->id_location,
          absl::StrCat("field ", Quote(field->name), ", ", Describe(*field),
                       ", cannot be part of a primary key"),
          "make it a string, an integer, a bool, bytes, an enum or a "
          "google.protobuf.Timestamp");
    }
    for (const Route& route : message.read_model->routes) {
      if (route.by.empty()) continue;
      problems_.Add(message.read_model->location,
                    absl::StrCat("by: ", Quote(route.by),
                                 " means nothing with sql: true"),
                    absl::StrCat("list ", Quote(route.event.written),
                                 " in `from` instead"));
    }
  }

  void CheckSaga(const Message& message) {
    const Saga& saga = *message.saga;
    const std::string owner = absl::StrCat("saga ", Quote(message.name));
    if (!saga.starts_on || saga.starts_on->event.written.empty()) {
      problems_.Add(saga.location,
                    absl::StrCat(owner, " has no event that starts it"),
                    "write starts_on { event: \"<event>\" }");
    }
    const std::vector<const Field*> ids = message.ids();
    if (ids.empty()) {
      problems_.Add(message.location,
                    absl::StrCat(owner, " has no id to find its instances by"),
                    "mark a field with [(stele.id) = true]");
    }
    ExpectOneId(ids, owner, "mark one field only");
    for (const Field* field : ids) CheckKey(*field);
    CheckRepeats(saga.location, owner, RoutesOf(saga));
    for (const Route* route : RoutesOf(saga)) {
      CheckRoute(saga.location, owner, *route, ids);
    }
    CheckSends(message);
    CheckTimers(message);
  }

  void CheckSends(const Message& message) {
    std::map<const Message*, int> times;
    for (const Reference& command : message.saga->sends) {
      if (command.target == nullptr || ++times[command.target] != 2) continue;
      problems_.Add(message.saga->location,
                    absl::StrCat("saga ", Quote(message.name), " lists ",
                                 Quote(command.written), " twice in `sends`"),
                    "list it once");
    }
  }

  void CheckTimers(const Message& message) {
    std::map<std::string, int> times;
    for (const std::string& timer : message.saga->timers) {
      if (!IsTimerName(timer)) {
        problems_.Add(message.saga->location,
                      absl::StrCat("bad timer name ", Quote(timer)),
                      absl::StrCat("use small letters, digits and underscores, "
                                   "e.g. ",
                                   Quote(AsSnakeCase(timer, "timeout"))));
      }
      if (++times[timer] == 2) {
        problems_.Add(message.saga->location,
                      absl::StrCat("saga ", Quote(message.name), " has timer ",
                                   Quote(timer), " twice"),
                      "list it once");
      }
    }
  }

  void CheckRepeats(const Location& location, const std::string& owner,
                    const std::vector<const Route*>& routes) {
    std::map<const Message*, int> times;
    for (const Route* route : routes) {
      const Message* event = route->event.target;
      if (event == nullptr || ++times[event] != 2) continue;
      problems_.Add(location,
                    absl::StrCat(owner, " lists event ",
                                 Quote(route->event.written), " twice"),
                    "list it once, with one way to find what it is about");
    }
  }

  // That the key which `route` yields is one, and fits the id it is for.
  void CheckRoute(const Location& location, const std::string& owner,
                  const Route& route, const std::vector<const Field*>& ids) {
    if (route.event.target == nullptr) return;
    const std::string& event = route.event.written;
    if (route.by_field != nullptr && !CanBeKey(*route.by_field)) {
      problems_.Add(location,
                    absl::StrCat("field ", Quote(route.by), " of ",
                                 Quote(event), ", ", Describe(*route.by_field),
                                 ", cannot find what the event is about"),
                    "name a field that is a string or an integer");
      return;
    }
    if (!route.by.empty() && route.by_field == nullptr) return;
    if (ids.size() != 1 || !CanBeKey(*ids[0])) return;
    for (const Field* source : SourcesOf(route)) {
      if (KeyFits(*source, *ids[0])) continue;
      problems_.Add(
          location,
          absl::StrCat("the key that ", owner, " gets from ", Quote(event),
                       ", ", Describe(*source), ", does not always fit its id ",
                       Quote(ids[0]->name), ", ", Describe(*ids[0])),
          absl::StrCat("make ", Quote(ids[0]->name), " a string"));
      return;
    }
  }

  // Fields of which Make...() cannot be generated.
  void CheckFields(const Message& message) {
    for (const Field& field : message.fields) {
      if (field.type == FieldType::kGroup) {
        problems_.Add(field.location,
                      absl::StrCat("field ", Quote(field.name),
                                   " is a group, which Stele does not support"),
                      "make it a message");
      } else if (field.has_other_ctype) {
        problems_.Add(field.location,
                      absl::StrCat("field ", Quote(field.name),
                                   " has a ctype, which Stele does not "
                                   "support"),
                      "remove the option");
      }
    }
  }

  Problems& problems_;
};

// ---- Names that must differ within all that is seen together ----------------

struct Claim {
  const Message* message;
  std::string name;
  const Location* location;
};

// Reports in wanted files each claim to a name that another has claimed before.
// `reason` follows what is wrong.
void CheckUnique(const std::vector<Claim>& claims, const std::string& kind,
                 const std::string& instead, Problems& problems) {
  std::map<std::string, const Message*> owners;
  for (const Claim& claim : claims) {
    const auto [known, is_new] = owners.emplace(claim.name, claim.message);
    if (is_new || !claim.message->file->is_wanted) continue;
    problems.Add(*claim.location,
                 absl::StrCat(kind, " ", Quote(claim.name), " is taken by ",
                              known->second->full_name, " (",
                              known->second->location.file, ":",
                              known->second->location.line, ")"),
                 instead);
  }
}

void CheckUniqueNames(const Model& model, Problems& problems) {
  std::vector<Claim> categories;
  std::vector<Claim> stored_names;
  std::vector<Claim> tables;
  std::vector<Claim> read_models;
  std::vector<Claim> sagas;
  for (const File& file : model.files) {
    for (const Message& m : file.messages) {
      if (m.aggregate && !m.aggregate->stream.empty()) {
        categories.push_back({&m, m.aggregate->stream, &m.aggregate->location});
      }
      if (m.event) {
        stored_names.push_back({&m, m.event->stored_name, &m.event->location});
      }
      if (m.read_model) {
        if (!m.read_model->table.empty()) {
          tables.push_back({&m, m.read_model->table, &m.read_model->location});
        }
        read_models.push_back({&m, m.name, &m.location});
      }
      if (m.saga) sagas.push_back({&m, m.name, &m.location});
    }
  }
  CheckUnique(categories, "stream category", "choose another", problems);
  CheckUnique(stored_names, "stored name",
              "choose another; a stored name is never used again", problems);
  CheckUnique(tables, "table", "choose another", problems);
  CheckUnique(read_models, "read model", "rename one of them", problems);
  CheckUnique(sagas, "saga", "rename one of them", problems);
}

}  // namespace

void ValidateModel(const Model& model, Problems& problems) {
  for (const File& file : model.files) {
    if (!file.is_wanted) continue;
    Validator validator(problems);
    for (const Message& message : file.messages) {
      if (!message.is_map_entry) validator.Validate(message);
    }
  }
  CheckUniqueNames(model, problems);
  CheckCollisions(model, problems);
}

}  // namespace stele::codegen
