#ifndef STELE_CLI_OUTPUT_H_
#define STELE_CLI_OUTPUT_H_

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace stele::cli {

// What the command exits with.
enum ExitCode {
  kDone = 0,
  kProblem = 1,        // It worked, and found something wrong.
  kUsage = 2,          // The call is wrong.
  kUnreachable = 3,    // Database or broker cannot be reached.
  kRefused = 4,        // The server or a rule said no; nothing was changed.
  kPartial = 5,        // Some of it was done, or all but the answer.
  kDeadline = 6,       // It took too long.
  kBug = 70,           // Our fault.
  kInterrupted = 130,  // By the user.
};

ExitCode ExitCodeOf(const absl::Status& status);

// What a command found out, for both forms of output.
struct Report {
  // For people: a table, or lines of text after it.
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::string text;

  boost::json::value data;  // For programs.
  std::vector<std::string> diagnostics;
  ExitCode exit = kDone;
};

// Prints `report` to standard output: as a table and text, or, as JSON, as
// exactly one object {"version", "status", "data", "diagnostics"}. Returns the
// exit code, which is no success if that could not be written.
int Print(const Report& report, bool as_json);

// The same for a command that failed: the message to standard error, or the
// JSON object to standard output.
int PrintFailure(const absl::Status& status, bool as_json);

// `bytes` for a terminal: printable text as it is; control characters, those
// that reorder text, and broken UTF-8 escaped.
std::string Printable(const std::string& bytes);

}  // namespace stele::cli

#endif  // STELE_CLI_OUTPUT_H_
