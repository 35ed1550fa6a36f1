#include "check/unique_names.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

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

}  // namespace

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

}  // namespace stele::codegen
