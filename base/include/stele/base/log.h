#ifndef STELE_BASE_LOG_H_
#define STELE_BASE_LOG_H_

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace stele {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One named value of a log line. Numbers and durations are given as text.
struct LogField {
  std::string name;
  std::string value;
};

struct LogEntry {
  LogLevel level = LogLevel::kInfo;
  std::string message;  // Constant text; what varies is in the fields.
  std::vector<LogField> fields;
};

// Writes one structured line: Log(LogLevel::kInfo, "lease taken", {{"slot",
// "3"}}). Payloads and personal data do not belong in fields. Thread-safe.
void Log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields = {});

// Sends all further lines to `sink`, which must be thread-safe; the default one
// writes logfmt to standard error. Lines below `least` are dropped unformatted.
void SetLogSink(std::function<void(const LogEntry&)> sink);
void SetLogLevel(LogLevel least);

}  // namespace stele

#endif  // STELE_BASE_LOG_H_
