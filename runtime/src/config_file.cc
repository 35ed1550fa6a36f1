#include "config_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";

// Why `path` cannot be read; empty if it seems that it can be.
std::string Mistake(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error) return absl::StrCat("cannot be opened: ", error.message());
  if (std::filesystem::is_directory(status)) return "is a directory";
  if (!std::filesystem::is_regular_file(status) &&
      !std::filesystem::is_fifo(status)) {
    return "is neither a regular file nor a pipe";
  }
  return "";
}

std::string Complaint(const std::string& path, const std::string& origin,
                      const std::string& mistake) {
  return absl::StrCat(origin, ": config file ", Quoted(path), " ", mistake,
                      "; give the path of a readable file");
}

}  // namespace

std::vector<ConfigLine> ReadConfigFile(const std::string& path,
                                       const std::string& origin,
                                       std::vector<std::string>& problems) {
  std::vector<ConfigLine> lines;
  if (const std::string mistake = Mistake(path); !mistake.empty()) {
    problems.push_back(Complaint(path, origin, mistake));
    return lines;
  }
  errno = 0;
  std::ifstream file(path);
  if (!file) {
    problems.push_back(
        Complaint(path, origin,
                  absl::StrCat("cannot be opened: ", std::strerror(errno))));
    return lines;
  }
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    absl::string_view text = line;
    if (number == 1) absl::ConsumePrefix(&text, kByteOrderMark);
    text = absl::StripAsciiWhitespace(text);
    if (text.empty() || text[0] == '#') continue;
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      problems.push_back(
          absl::StrCat(path, ":", number, ": no '='; write name = value"));
      continue;
    }
    lines.push_back(
        {number,
         std::string(absl::StripAsciiWhitespace(text.substr(0, equals))),
         std::string(absl::StripAsciiWhitespace(text.substr(equals + 1)))});
  }
  if (file.bad()) problems.push_back(Complaint(path, origin, "cannot be read"));
  return lines;
}

}  // namespace stele
