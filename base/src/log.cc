#include "stele/base/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

using Sink = std::function<void(const LogEntry&)>;

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

bool NeedsQuotes(std::string_view value) {
  if (value.empty() || !IsValidUtf8(value)) return true;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7F || c == '=' || c == '"' || c == '\\') {
      return true;
    }
  }
  return false;
}

void AppendQuoted(std::string& line, std::string_view value) {
  static constexpr char kHex[] = "0123456789abcdef";
  const bool is_text = IsValidUtf8(value);
  line += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (byte < ' ' || byte == 0x7F || (byte >= 0x80 && !is_text)) {
      line += "\\x";
      line += kHex[byte >> 4];
      line += kHex[byte & 15];
    } else {
      line += c;
    }
  }
  line += '"';
}

void AppendField(std::string& line, std::string_view name,
                 std::string_view value) {
  if (!line.empty()) line += ' ';
  line += name;
  line += '=';
  if (NeedsQuotes(value)) {
    AppendQuoted(line, value);
  } else {
    line += value;
  }
}

// One write per line, so that the lines of several threads and processes that
// share the file do not run into each other.
void WriteLogfmt(const LogEntry& entry) {
  std::string line;
  AppendField(line, "time",
              absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", SystemClock().Now(),
                               absl::UTCTimeZone()));
  AppendField(line, "level", LevelName(entry.level));
  AppendField(line, "msg", entry.message);
  for (const LogField& field : entry.fields) {
    AppendField(line, field.name, field.value);
  }
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // There is nowhere left to complain to.
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Where lines go. Never destroyed: other static objects may log while they are.
struct Output {
  absl::Mutex mutex;
  std::shared_ptr<const Sink> sink ABSL_GUARDED_BY(mutex) =
      std::make_shared<const Sink>(WriteLogfmt);
  std::atomic<int> least{static_cast<int>(LogLevel::kInfo)};
};

Output& GetOutput() {
  static auto* const kOutput = new Output;
  return *kOutput;
}

}  // namespace

void Log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields) {
  Output& output = GetOutput();
  if (static_cast<int>(level) < output.least.load()) return;
  std::shared_ptr<const Sink> sink;
  {
    absl::MutexLock lock(&output.mutex);
    sink = output.sink;
  }
  (*sink)(LogEntry{level, std::string(message), fields});
}

void SetLogSink(std::function<void(const LogEntry&)> sink) {
  Output& output = GetOutput();
  if (!sink) sink = WriteLogfmt;
  auto next = std::make_shared<const Sink>(std::move(sink));
  absl::MutexLock lock(&output.mutex);
  output.sink.swap(next);
}

void SetLogLevel(LogLevel least) {
  GetOutput().least.store(static_cast<int>(least));
}

}  // namespace stele
