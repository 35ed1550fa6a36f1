#include "check/cpp_names.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

// Functions without arguments that every message has, as its fields do.
bool IsMessageMember(const std::string& accessor) {
  return accessor == "default_instance" || accessor == "descriptor" ||
         accessor == "internal_default_instance";
}

void CheckField(const Message& message, const Field& field,
                Problems& problems) {
  std::string clash;
  if (field.accessor == message.class_name) {
    clash = "the name of its message, which C++ keeps for constructors";
  } else if (IsMessageMember(field.accessor)) {
    clash = "the name of a function that every message has";
  } else if (IsMacro(field.accessor)) {
    clash = "the name of a macro";
  } else {
    return;
  }
  problems.Add(field.location,
               absl::StrCat("field ", Quote(field.name), " has ", clash),
               "rename it");
}

void CheckPackage(const File& file, Problems& problems) {
  const std::vector<std::string> parts =
      absl::StrSplit(file.cpp_namespace, "::");
  const auto is_reserved = [](const std::string& part) {
    return IsCppKeyword(part) || IsMacro(part);
  };
  const auto reserved = std::find_if(parts.begin(), parts.end(), is_reserved);
  if (reserved == parts.end()) return;
  problems.Add(file.location,
               absl::StrCat("package ", Quote(file.package), " has the part ",
                            Quote(*reserved), ", which C++ reserves"),
               "choose another package name");
}

}  // namespace

void CheckCppNames(const File& file, Problems& problems) {
  CheckPackage(file, problems);
  if (file.lite_location) {
    problems.Add(*file.lite_location,
                 "LITE_RUNTIME leaves out what Stele reads of messages",
                 "remove the option optimize_for");
  }
  for (const Message& message : file.messages) {
    if (message.is_map_entry) continue;
    if (IsMacro(message.class_name)) {
      problems.Add(message.location,
                   absl::StrCat("message ", Quote(message.name),
                                " has the name of a macro"),
                   "rename it");
    }
    for (const Field& field : message.fields) {
      CheckField(message, field, problems);
    }
  }
}

}  // namespace stele::codegen
