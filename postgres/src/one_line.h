#ifndef STELE_POSTGRES_SRC_ONE_LINE_H_
#define STELE_POSTGRES_SRC_ONE_LINE_H_

#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "stele/base/strings.h"

namespace stele::postgres {

// What libpq and the server say, in one line, as all our messages are.
inline std::string OneLine(std::string_view text) {
  std::string line = absl::StrReplaceAll(
      ToAbsl(text), {{"\n\t", " "}, {"\r", ""}, {"\n", " "}, {"\t", " "}});
  absl::StripAsciiWhitespace(&line);
  return line;
}

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_SRC_ONE_LINE_H_
