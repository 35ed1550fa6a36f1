#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"
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
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", SystemClock().Now(),
                                absl::UTCTimeZone())},
      {"level", NameOf(entry.level)},
      {"msg", ToValidUtf8(entry.message)}};
  for (const LogField& field : entry.fields) {
    std::string name = ToValidUtf8(field.name);
    while (line.contains(name)) name += '_';
    line[name] = ToValidUtf8(field.value);
  }
  const std::string text = absl::StrCat(boost::json::serialize(line), "\n");
  std::fwrite(text.data(), 1, text.size(), stderr);
}

// Otherwise it writes to standard error as it likes.
void LogOfProtobuf(google::protobuf::LogLevel level, const char*, int,
                   const std::string& message) {
  LogLevel as = LogLevel::kError;
  if (level == google::protobuf::LOGLEVEL_INFO) as = LogLevel::kInfo;
  if (level == google::protobuf::LOGLEVEL_WARNING) as = LogLevel::kWarning;
  Log(as, "protobuf", {{"error", message}});
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
  google::protobuf::SetLogHandler(&LogOfProtobuf);
  if (format == "json") SetLogSink(WriteJsonLine);
  return absl::OkStatus();
}

}  // namespace stele
