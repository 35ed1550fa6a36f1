#include "model/problems.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace stele::codegen {

void Problems::Add(const Location& where, const std::string& what,
                   const std::string& instead) {
  found_.push_back({where, absl::StrCat(what, "; ", instead)});
}

std::string Problems::ToString() const {
  std::vector<Problem> sorted = found_;
  std::stable_sort(
      sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
        return std::tie(a.where.file, a.where.line, a.where.column) <
               std::tie(b.where.file, b.where.line, b.where.column);
      });
  std::string text =
      sorted.size() == 1
          ? std::string("1 mistake in the model, so nothing was generated:")
          : absl::StrCat(sorted.size(),
                         " mistakes in the model, so nothing was generated:");
  for (const Problem& problem : sorted) {
    absl::StrAppend(&text, "\n", problem.where.file);
    if (problem.where.line != 0) {
      absl::StrAppend(&text, ":", problem.where.line, ":",
                      problem.where.column);
    }
    absl::StrAppend(&text, ": ", problem.text);
  }
  return text;
}

}  // namespace stele::codegen
