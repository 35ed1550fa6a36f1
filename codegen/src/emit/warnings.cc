#include "emit/warnings.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "emit/template.h"

namespace stele::codegen {
namespace {

// True iff names of `package` can be used without it in `file`.
bool Encloses(const std::string& package, const File& file) {
  return package.empty() || package == file.package ||
         absl::StartsWith(file.package, package + ".");
}

bool HasVariable(const File& file) {
  return std::any_of(file.symbols.begin(), file.symbols.end(),
                     [](const Symbol& symbol) { return symbol.is_variable; });
}

}  // namespace

std::string WithoutWarnings(const File& file, const std::string& code) {
  bool has_deprecated = file.has_deprecated;
  for (const File* visible : file.visible) {
    has_deprecated |= visible->has_deprecated;
  }
  bool has_variable = false;
  for (const File* included : IncludedBy(file)) {
    has_variable |= Encloses(included->package, file) && HasVariable(*included);
  }
  std::vector<std::string> pragmas;
  const auto ignore = [&pragmas](const std::string& warning) {
    pragmas.push_back(
        absl::StrCat("#pragma GCC diagnostic ignored \"", warning, "\""));
  };
  if (has_deprecated) ignore("-Wdeprecated-declarations");
  if (has_variable) ignore("-Wshadow");
  if (code.empty() || pragmas.empty()) return code;
  return Fill(R"(
    // About names that the .proto chose.
    #pragma GCC diagnostic push
    $pragmas$

    $code$

    #pragma GCC diagnostic pop
  )",
              {{"pragmas", Join(pragmas)}, {"code", code}});
}

}  // namespace stele::codegen
