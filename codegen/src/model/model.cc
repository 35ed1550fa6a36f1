#include "model/model.h"

#include <algorithm>
#include <cstddef>

namespace stele::codegen {

std::vector<const Field*> Message::ids() const {
  std::vector<const Field*> ids;
  for (const Field& field : fields) {
    if (field.is_id) ids.push_back(&field);
  }
  return ids;
}

bool File::has_roles() const {
  return std::any_of(messages.begin(), messages.end(),
                     [](const Message& message) { return message.has_role(); });
}

std::vector<const Route*> RoutesOf(const ReadModel& read_model) {
  std::vector<const Route*> routes;
  for (const Route& route : read_model.routes) routes.push_back(&route);
  return routes;
}

std::vector<const Route*> RoutesOf(const Saga& saga) {
  std::vector<const Route*> routes;
  if (saga.starts_on) routes.push_back(&*saga.starts_on);
  for (const Route& route : saga.on) routes.push_back(&route);
  return routes;
}

std::vector<const File*> IncludedBy(const File& file) {
  std::vector<const File*> included = {&file};
  for (std::size_t i = 0; i < included.size(); ++i) {
    for (const File* next : included[i]->visible) {
      if (std::find(included.begin(), included.end(), next) == included.end()) {
        included.push_back(next);
      }
    }
  }
  return included;
}

bool Sees(const File& file, const File& other) {
  return &file == &other || std::find(file.visible.begin(), file.visible.end(),
                                      &other) != file.visible.end();
}

}  // namespace stele::codegen
