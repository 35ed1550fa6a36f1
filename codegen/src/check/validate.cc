#include "check/validate.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "check/aggregates.h"
#include "check/collisions.h"
#include "check/cpp_names.h"
#include "check/ids.h"
#include "check/read_models.h"
#include "check/sagas.h"
#include "check/unique_names.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

const Location& RoleLocation(const Message& message) {
  if (message.aggregate) return message.aggregate->location;
  if (message.command) return message.command->location;
  if (message.event) return message.event->location;
  if (message.read_model) return message.read_model->location;
  if (message.saga) return message.saga->location;
  return message.location;
}

void CheckRole(const Message& message, Problems& problems) {
  std::vector<std::string> roles;
  if (message.aggregate) roles.push_back("an aggregate");
  if (message.command) roles.push_back("a command");
  if (message.event) roles.push_back("an event");
  if (message.read_model) roles.push_back("a read model");
  if (message.saga) roles.push_back("a saga");
  if (roles.size() > 1) {
    problems.Add(message.location,
                 absl::StrCat(Quote(message.name), " is both ", roles[0],
                              " and ", roles[1]),
                 "make two messages of it");
  }
  if (message.is_nested) {
    problems.Add(RoleLocation(message),
                 absl::StrCat(Quote(message.full_name), " is ", roles[0],
                              " inside another message"),
                 "move it out, to the top level of the file");
  }
}

void ValidateMessage(const Message& message, Problems& problems) {
  if (message.has_role()) CheckRole(message, problems);
  CheckIdMarks(message, problems);
  if (message.aggregate) CheckAggregate(message, problems);
  if (message.command) CheckCommand(message, problems);
  if (message.event) CheckEvent(message, problems);
  if (message.read_model) CheckReadModel(message, problems);
  if (message.saga) CheckSaga(message, problems);
  if (message.command || message.event) CheckFields(message, problems);
}

}  // namespace

void ValidateModel(const Model& model, Problems& problems) {
  for (const File& file : model.files) {
    if (!file.is_wanted) continue;
    for (const Message& message : file.messages) {
      if (!message.is_map_entry) ValidateMessage(message, problems);
    }
  }
  for (const File& file : model.files) {
    if (file.is_wanted && file.has_roles()) CheckCppNames(file, problems);
  }
  CheckUniqueNames(model, problems);
  CheckCollisions(model, problems);
}

}  // namespace stele::codegen
