#include "output.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "absl/strings/str_cat.h"
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

int PrintJson(ExitCode exit, const json::value& data,
              const std::vector<std::string>& diagnostics) {
  json::array lines;
  for (const std::string& line : diagnostics) lines.emplace_back(line);
  std::cout << json::serialize(json::object{{"version", 1},
                                            {"status", StatusWord(exit)},
                                            {"data", data},
                                            {"diagnostics", lines}})
            << "\n";
  return exit;
}

// Columns of a terminal that UTF-8 text takes, near enough: code points.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void PrintRow(const std::vector<std::string>& cells,
              const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    absl::StrAppend(&line, cells[i]);
    if (i + 1 < cells.size()) {
      line.append(widths[i] - Width(cells[i]) + 2, ' ');
    }
  }
  std::cout << line << "\n";
}

void PrintTable(const Report& report) {
  if (report.columns.empty()) return;
  std::vector<std::size_t> widths;
  for (const std::string& column : report.columns) {
    widths.push_back(Width(column));
  }
  for (const auto& row : report.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  PrintRow(report.columns, widths);
  for (const auto& row : report.rows) PrintRow(row, widths);
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
  PrintTable(report);
  std::cout << report.text;
  std::cout.flush();
  for (const std::string& line : report.diagnostics) {
    std::cerr << "stele: " << line << "\n";
  }
  return report.exit;
}

int PrintFailure(const absl::Status& status, bool as_json) {
  const ExitCode exit = ExitCodeOf(status);
  const std::string message(status.message());
  if (as_json) return PrintJson(exit, nullptr, {message});
  std::cerr << "stele: " << message << "\n";
  return exit;
}

std::string Printable(const std::string& bytes) {
  std::string text;
  const bool is_utf8 = IsValidUtf8(bytes);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_utf8)) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      text += escaped;
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace stele::cli
