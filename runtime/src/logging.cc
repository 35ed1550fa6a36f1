#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/log.h"
#include "stele/base/strings.h"
#include "stele/runtime/service.h"

namespace stele {
namespace {

constexpr std::pair<const char*, LogLevel> kLevels[] = {
    {"debug", LogLevel::kDebug},
    {"info", LogLevel::kInfo},
    {"warning", LogLevel::kWarning},
    {"error", LogLevel::kError}};

const char* NameOf(LogLevel level) {
  for (const auto& [name, value] : kLevels) {
    if (value == level) return name;
  }
  return "?";
}

// One write for one line, so that lines of several threads do not mix.
void WriteJsonLine(const LogEntry& entry) {
  boost::json::object line{
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(),
                                absl::UTCTimeZone())},
      {"level", NameOf(entry.level)},
      {"msg", entry.message}};
  for (const LogField& field : entry.fields) line[field.name] = field.value;
  const std::string text = absl::StrCat(boost::json::serialize(line), "\n");
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

absl::Status ConfigureLogging(const std::string& level,
                              const std::string& format) {
  const auto* found =
      std::find_if(std::begin(kLevels), std::end(kLevels),
                   [&](const auto& pair) { return level == pair.first; });
  if (found == std::end(kLevels)) {
    return absl::InvalidArgumentError(
        absl::StrCat("log level ", Quoted(level),
                     " is none of debug, info, warning, error"));
  }
  if (format != "logfmt" && format != "json") {
    return absl::InvalidArgumentError(absl::StrCat(
        "log format ", Quoted(format), " is neither logfmt nor json"));
  }
  SetLogLevel(found->second);
  if (format == "json") SetLogSink(WriteJsonLine);
  return absl::OkStatus();
}

}  // namespace stele
