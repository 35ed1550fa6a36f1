#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "commands.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::cli {
namespace {

void AddAll(CLI::App& app, Context& context, Command& chosen) {
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Every command takes --database-url, --schema and -o json; see "
      "stele --help.");
  app.set_version_flag("--version", "stele " STELE_VERSION);
  app.add_option("--database-url", context.database_url,
                 "Where the store is; a libpq connection string or URI")
      ->envname("STELE_DATABASE_URL");
  app.add_option("--schema", context.schema, "The schema of the store")
      ->envname("STELE_SCHEMA")
      ->capture_default_str();
  app.add_flag("--json", context.as_json,
               "Print one JSON object instead of text");
  app.add_option_function<std::string>(
         "-o,--output",
         [&context](const std::string& form) {
           context.as_json = form == "json";
         },
         "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  AddMigrate(app, context, chosen);
  AddStreams(app, context, chosen);
  AddConsumers(app, context, chosen);
  AddParked(app, context, chosen);
  AddProjections(app, context, chosen);
  AddSagas(app, context, chosen);
}

// True iff the call asks for JSON, also when it cannot be understood as a
// whole.
bool AsksForJson(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json" || argument == "-ojson" ||
        argument == "--output=json" || argument == "-o=json") {
      return true;
    }
    const bool is_output = argument == "-o" || argument == "--output";
    if (is_output && i + 1 < argc && std::string(argv[i + 1]) == "json") {
      return true;
    }
  }
  return false;
}

// The command that the call was about, as far as it was understood.
const CLI::App& Deepest(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : Deepest(*chosen.front());
}

std::string FullName(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr
             ? app.get_name()
             : absl::StrCat(FullName(*parent), " ", app.get_name());
}

std::string HelpOf(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return command.help(parent == nullptr ? "" : FullName(*parent));
}

// That `command` has no `kind` of this name. What nobody asked for may be a
// connection string that lost its option, password and all: only what looks
// like a word of ours is repeated.
std::string HasNo(const CLI::App& command, const std::string& kind,
                  const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  const bool is_word =
      name.size() <= 30 &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return absl::ascii_islower(c) || c == '-';
      });
  return is_word ? absl::StrCat(FullName(command), " has no ", kind, " ",
                                Quoted(name))
                 : absl::StrCat(FullName(command), " has no such ", kind);
}

std::string Unexpected(const CLI::App& command,
                       const std::vector<std::string>& unknown) {
  for (const std::string& argument : unknown) {
    if (argument.rfind('-', 0) != 0) continue;
    return HasNo(command, "option", argument);
  }
  return absl::StrCat(FullName(command), " was given ",
                      unknown.size() == 1
                          ? "an argument"
                          : absl::StrCat(unknown.size(), " arguments"),
                      " too many");
}

// The same for what was given to a wrong option, whose complaint repeats it.
std::string WithoutPasswords(const std::string& text) {
  static const auto* const kInUri = new std::regex("://[^@]*@");
  static const auto* const kInPair = new std::regex("(passw\\w*)\\s*=\\s*\\S+");
  return std::regex_replace(std::regex_replace(text, *kInUri, "://***@"),
                            *kInPair, "$1=***");
}

// What is wrong with the call; CLI11 asks for a command also when there is one
// that it does not know.
std::string Complaint(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = Deepest(app);
  const std::vector<std::string> unknown = app.remaining(true);
  if (error.get_name() == "RequiredError" && !unknown.empty() &&
      !command.get_subcommands([](const CLI::App*) { return true; }).empty()) {
    const bool is_option = unknown.front().rfind('-', 0) == 0;
    return HasNo(command, is_option ? "option" : "command", unknown.front());
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError))
    return Unexpected(command, unknown);
  return WithoutPasswords(error.what());
}

// The call was not understood, or asked for help or the version only.
int AnswerParseError(const CLI::App& app, const CLI::ParseError& error,
                     bool as_json) {
  const CLI::App& command = Deepest(app);
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    const bool is_version = error.get_name() == "CallForVersion";
    const std::string text =
        is_version ? absl::StrCat(error.what(), "\n") : HelpOf(command);
    Report report;
    report.text = text;
    report.data = boost::json::object{{is_version ? "version" : "help", text}};
    if (is_version)
      report.data = boost::json::object{{"version", STELE_VERSION}};
    return Print(report, as_json);
  }
  return PrintFailure(
      absl::InvalidArgumentError(absl::StrCat(Complaint(app, error), "; try ",
                                              FullName(command), " --help")),
      as_json);
}

// Where a standard file is closed, a connection would get its number, and what
// is printed would go to the database. What cannot be written to stays so.
void KeepStandardFilesApart() {
  for (int file = STDIN_FILENO; file <= STDERR_FILENO; ++file) {
    if (::fcntl(file, F_GETFD) != -1) continue;
    if (::open("/dev/null", O_RDONLY) < 0) return;  // Takes the least number.
  }
}

// CLI11 takes the word after "--name=" for its value.
std::vector<std::string> Arguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool is_empty = argument.size() > 3 && argument.rfind("--", 0) == 0 &&
                          argument.find('=') == argument.size() - 1;
    arguments.push_back(is_empty ? argument.substr(0, argument.size() - 1)
                                 : argument);
    if (is_empty) arguments.emplace_back();
  }
  return arguments;
}

// Options that are not among the arguments come from the environment.
void NoteOrigins(const std::vector<std::string>& arguments, Context& context) {
  const auto has = [&arguments](const std::string& option) {
    return std::any_of(arguments.begin(), arguments.end(),
                       [&option](const std::string& argument) {
                         return argument == option ||
                                argument.rfind(option + "=", 0) == 0;
                       });
  };
  if (!has("--database-url")) context.url_origin = "STELE_DATABASE_URL";
  if (!has("--schema")) context.schema_origin = "STELE_SCHEMA";
}

int Main(int argc, char** argv) {
  SetLogLevel(LogLevel::kWarning);  // What goes well is in the report.
  CLI::App app("Looks after a Stele event store.", "stele");
  Context context;
  Command chosen;
  AddAll(app, context, chosen);
  KeepStandardFilesApart();
  std::vector<std::string> arguments = Arguments(argc, argv);
  NoteOrigins(arguments, context);
  std::reverse(arguments.begin(), arguments.end());  // As CLI11 takes them.
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return AnswerParseError(app, error, AsksForJson(argc, argv));
  }
  absl::StatusOr<Report> report = chosen();
  if (!report.ok()) return PrintFailure(report.status(), context.as_json);
  return Print(*report, context.as_json);
}

}  // namespace
}  // namespace stele::cli

int main(int argc, char** argv) {
  try {
    return stele::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "stele: internal error: " << error.what() << "\n";
    return stele::cli::kBug;
  }
}
