#include "check/read_models.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "check/ids.h"
#include "check/routes.h"
#include "model/keys.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

void CheckTable(const Message& message, Problems& problems) {
  const std::string& table = message.read_model->table;
  const std::string proposal = AsSnakeCase(message.name, "rows");
  if (table.empty()) {
    problems.Add(
        message.read_model->location,
        absl::StrCat("read model ", Quote(message.name), " has no table"),
        absl::StrCat("write table: ", Quote(proposal)));
  } else if (!IsTableName(table)) {
    problems.Add(message.read_model->location,
                 absl::StrCat("bad table name ", Quote(table)),
                 absl::StrCat("use small letters, digits and underscores, at "
                              "most 40, e.g. ",
                              Quote(AsSnakeCase(table, proposal))));
  }
}

// Fields of which there can be no column.
void CheckColumns(const Message& message, Problems& problems) {
  for (const Field& field : message.fields) {
    if (!IsColumnName(field.name)) {
      problems.Add(field.location,
                   absl::StrCat("field ", Quote(field.name),
                                " cannot be the name of a column"),
                   "rename it; at most 63 bytes, and none of the names that "
                   "PostgreSQL gives columns of its own");
    }
    if (field.is_id && field.cardinality == Cardinality::kOptional &&
        CanBeSqlKey(field)) {
      problems.Add(field.id_location,
                   absl::StrCat("field ", Quote(field.name),
                                " can be absent, so it cannot be part of a "
                                "primary key"),
                   "make it a field of proto3 without `optional`");
    }
  }
}

void CheckSqlForm(const Message& message, Problems& problems) {
  for (const Field* field : message.ids()) {
    if (CanBeSqlKey(*field)) continue;
    problems.Add(
        field->id_location,
        absl::StrCat("field ", Quote(field->name), ", ", Describe(*field),
                     ", cannot be part of a primary key"),
        "make it a string, an integer, a bool, bytes or an enum");
  }
  for (const Route& route : message.read_model->routes) {
    if (route.by.empty()) continue;
    problems.Add(
        message.read_model->location,
        absl::StrCat("by: ", Quote(route.by), " means nothing with sql: true"),
        absl::StrCat("list ", Quote(route.event.written),
                     " in `from` instead"));
  }
}

}  // namespace

void CheckReadModel(const Message& message, Problems& problems) {
  const ReadModel& read_model = *message.read_model;
  const std::string owner = absl::StrCat("read model ", Quote(message.name));
  CheckTable(message, problems);
  CheckColumns(message, problems);
  if (!IsReadModelName(message.name)) {
    problems.Add(message.location, absl::StrCat(owner, " has too long a name"),
                 "rename it; at most 40 bytes");
  }
  if (read_model.routes.empty()) {
    problems.Add(read_model.location,
                 absl::StrCat(owner, " is made from no events"),
                 "list them, e.g. from: [ \"AccountOpened\" ]");
  }
  const std::vector<const Field*> ids = message.ids();
  if (ids.empty()) {
    problems.Add(message.location,
                 absl::StrCat(owner, " has no id to find its rows by"),
                 "mark a field with [(stele.id) = true]");
  }
  CheckRepeats(read_model.location, owner, RoutesOf(read_model), problems);
  if (read_model.sql) {
    CheckSqlForm(message, problems);
    return;
  }
  ExpectOneId(ids, owner,
              "mark one field only, or write sql: true and keep the table in "
              "SQL",
              problems);
  for (const Field* field : ids) CheckKey(*field, problems);
  for (const Route* route : RoutesOf(read_model)) {
    CheckRoute(read_model.location, owner, *route, ids, problems);
  }
}

}  // namespace stele::codegen
