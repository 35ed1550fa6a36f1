#include "output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "stele/base/strings.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

const char* StatusWord(ExitCode exit) {
  switch (exit) {
    case kDone:
      return "ok";
    case kProblem:
      return "problem";
    case kUsage:
      return "usage";
    case kUnreachable:
      return "unreachable";
    case kRefused:
      return "refused";
    case kPartial:
      return "partial";
    case kDeadline:
      return "deadline";
    case kInterrupted:
      return "interrupted";
    case kBug:
      break;
  }
  return "bug";
}

// The same with text that is not UTF-8 mended: JSON has no other.
json::value Mended(const json::value& value) {
  if (const json::string* text = value.if_string()) {
    return json::value(ToValidUtf8(std::string(*text)));
  }
  if (const json::array* array = value.if_array()) {
    json::array mended;
    for (const json::value& item : *array) mended.push_back(Mended(item));
    return mended;
  }
  if (const json::object* object = value.if_object()) {
    json::object mended;
    for (const auto& [name, item] : *object) {
      mended[ToValidUtf8(std::string(name))] = Mended(item);
    }
    return mended;
  }
  return value;
}

// Writes to standard output; 0, or why it could not be, as in errno.
int Write(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// Gives `text` out and returns `exit`; kPartial instead of a success that
// nobody learns of. Who closed the pipe has seen enough.
int GiveOut(const std::string& text, ExitCode exit) {
  const int error = Write(text);
  if (error == 0 || error == EPIPE) return exit;
  std::cerr << "stele: the answer could not be written to standard output: "
            << std::strerror(error)
            << (exit == kDone ? "; the command was carried out" : "") << "\n";
  return exit == kDone || exit == kProblem ? kPartial : exit;
}

int PrintJson(ExitCode exit, const json::value& data,
              const std::vector<std::string>& diagnostics) {
  json::array lines;
  for (const std::string& line : diagnostics) lines.emplace_back(line);
  const json::object all{{"version", 1},
                         {"status", StatusWord(exit)},
                         {"data", data},
                         {"diagnostics", lines}};
  return GiveOut(absl::StrCat(json::serialize(Mended(all)), "\n"), exit);
}

// Columns of a terminal that UTF-8 text takes, near enough: code points.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void AddRow(std::string& table, const std::vector<std::string>& cells,
            const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    absl::StrAppend(&table, cells[i]);
    if (i + 1 < cells.size()) {
      table.append(widths[i] - Width(cells[i]) + 2, ' ');
    }
  }
  absl::StrAppend(&table, "\n");
}

std::string Table(const Report& report) {
  std::string table;
  if (report.columns.empty()) return table;
  std::vector<std::size_t> widths;
  for (const std::string& column : report.columns) {
    widths.push_back(Width(column));
  }
  for (const auto& row : report.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  AddRow(table, report.columns, widths);
  for (const auto& row : report.rows) AddRow(table, row, widths);
  return table;
}

// C1 controls and those that reorder text could show something else than what
// is there.
bool MisleadsTerminals(std::string_view rest) {
  const auto byte = [rest](std::size_t i) {
    return i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0;
  };
  if (byte(0) == 0xC2) return byte(1) < 0xA0;
  if (byte(0) != 0xE2) return false;
  return (byte(1) == 0x80 && (byte(2) >= 0xA8 && byte(2) <= 0xAE)) ||
         (byte(1) == 0x81 && (byte(2) >= 0xA6 && byte(2) <= 0xA9));
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kDone;
    case absl::StatusCode::kInvalidArgument:
      return kUsage;
    case absl::StatusCode::kUnavailable:
      return kUnreachable;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kResourceExhausted:
      return kRefused;
    case absl::StatusCode::kDeadlineExceeded:
      return kDeadline;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    case absl::StatusCode::kDataLoss:
      return kProblem;
    default:
      return kBug;
  }
}

int Print(const Report& report, bool as_json) {
  if (as_json) return PrintJson(report.exit, report.data, report.diagnostics);
  const int exit =
      GiveOut(absl::StrCat(Table(report), report.text), report.exit);
  for (const std::string& line : report.diagnostics) {
    std::cerr << "stele: " << Printable(line) << "\n";
  }
  return exit;
}

int PrintFailure(const absl::Status& status, bool as_json) {
  const ExitCode exit = ExitCodeOf(status);
  std::vector<std::string> lines =
      absl::StrSplit(status.message(), '\n', absl::SkipEmpty());
  if (lines.empty()) lines.push_back(status.ToString());
  if (as_json) return PrintJson(exit, nullptr, lines);
  std::string text;
  for (const std::string& line : lines) {
    absl::StrAppend(&text, "stele: ", Printable(line), "\n");
  }
  std::cerr << text << std::flush;
  return exit;
}

std::string Printable(const std::string& bytes) {
  std::string text;
  const bool is_utf8 = IsValidUtf8(bytes);
  std::size_t to_escape = 0;  // Bytes left of a character to be escaped.
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (is_utf8 && MisleadsTerminals(std::string_view(bytes).substr(i))) {
      to_escape = byte == 0xC2 ? 2 : 3;
    }
    const bool is_control = byte < 0x20 || byte == 0x7f;
    if (is_control || to_escape > 0 || (byte >= 0x80 && !is_utf8)) {
      absl::StrAppend(&text, "\\x", absl::Hex(byte, absl::kZeroPad2));
    } else {
      text += bytes[i];
    }
    if (to_escape > 0) --to_escape;
  }
  return text;
}

}  // namespace stele::cli
