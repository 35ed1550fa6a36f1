#include "check/lookup.h"

#include <cstddef>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/names.h"

namespace stele::codegen {

bool IsAbsolute(const std::string& name) { return absl::StartsWith(name, "."); }

Message* Find(const Model& model, const std::string& written,
              const Message& scope) {
  const auto lookup = [&model](const std::string& full_name) -> Message* {
    const auto found = model.messages.find(full_name);
    return found == model.messages.end() ? nullptr : found->second;
  };
  if (IsAbsolute(written)) return lookup(written.substr(1));
  // From the inside outwards, but not past a name that cannot be seen.
  Message* unseen = nullptr;
  std::string prefix = scope.full_name;
  while (true) {
    Message* const found =
        lookup(prefix.empty() ? written : absl::StrCat(prefix, ".", written));
    if (found != nullptr && Sees(*scope.file, *found->file)) return found;
    if (found != nullptr && unseen == nullptr) unseen = found;
    if (prefix.empty()) return unseen;
    const std::size_t dot = prefix.rfind('.');
    prefix = dot == std::string::npos ? "" : prefix.substr(0, dot);
  }
}

std::string Suggest(const Model& model, const Message& scope,
                    const std::string& written, HasRole has_role,
                    const std::string& otherwise) {
  const std::string name = written.substr(written.rfind('.') + 1);
  std::vector<std::string> candidates;
  const auto collect = [&](const File& file) {
    for (const Message& message : file.messages) {
      if (has_role(message)) candidates.push_back(message.name);
    }
  };
  collect(*scope.file);
  for (const File* file : scope.file->visible) collect(*file);
  const std::string nearest = Nearest(name, candidates);
  if (nearest.empty()) return otherwise;
  for (const auto& [full_name, message] : model.messages) {
    if (message->name != nearest || !has_role(*message)) continue;
    if (Find(model, nearest, scope) == message) break;
    if (Sees(*scope.file, *message->file)) {
      return absl::StrCat("did you mean ", Quote(full_name), "?");
    }
  }
  return absl::StrCat("did you mean ", Quote(nearest), "?");
}

}  // namespace stele::codegen
