#include "check/ids.h"

#include "absl/strings/str_cat.h"
#include "model/keys.h"
#include "model/names.h"

namespace stele::codegen {

// Fields marked as id where that means nothing.
void CheckIdMarks(const Message& message, Problems& problems) {
  if (message.command || message.read_model || message.saga) return;
  for (const Field* field : message.ids()) {
    problems.Add(
        field->id_location,
        absl::StrCat("(stele.id) means nothing in ", Quote(message.name)),
        message.event
            ? "remove it; the id of an event is in the name of its stream"
            : "remove it; only commands, read models and sagas have an id");
  }
}

void ExpectOneId(const std::vector<const Field*>& ids, const std::string& owner,
                 const std::string& instead, Problems& problems) {
  for (std::size_t i = 1; i < ids.size(); ++i) {
    problems.Add(ids[i]->id_location,
                 absl::StrCat(owner, " has a second id, ", Quote(ids[i]->name),
                              ", beside ", Quote(ids[0]->name)),
                 instead);
  }
}

void CheckKey(const Field& field, Problems& problems) {
  if (CanBeKey(field)) return;
  problems.Add(field.id_location,
               absl::StrCat("field ", Quote(field.name), ", ", Describe(field),
                            ", cannot be an id"),
               "make it a string or an integer");
}

}  // namespace stele::codegen
