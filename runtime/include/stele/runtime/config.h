#ifndef STELE_RUNTIME_CONFIG_H_
#define STELE_RUNTIME_CONFIG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace stele {

// A program's settings, each from the first of these that gives it: a flag
// (--lease=5s), the environment (STELE_LEASE), a file (lease = 5s), its
// default.
//
//   ServiceConfig service;
//   std::string region = "eu";
//   Config config("orders", "Takes orders and sees them through.");
//   AddServiceSettings(config, service);
//   config.Text("region", &region, "Where the stock is.");
//   STELE_RETURN_IF_ERROR(config.Parse(argc, argv));
//
// The file is named by --config or STELE_CONFIG and holds lines "name = value";
// blank lines and lines that start with # are skipped. All mistakes of all
// sources are reported together, each with where it was made.
//
// Not thread-safe: one thread at a time.
class Config {
 public:
  Config(std::string program, std::string description);

  // Declare settings. Names are lower-case words joined by dashes; the value
  // pointed to is the default and must outlive Parse(). Bounds are inclusive.
  Config& Text(std::string name, std::string* value, std::string help,
               bool required = false);
  Config& Secret(std::string name, std::string* value, std::string help);
  // The same, of which only a password is hidden, "postgresql://u:***@host", or
  // who logs in at a broker, "nats://***@host".
  Config& Url(std::string name, std::string* value, std::string help,
              bool required = false);
  Config& Number(std::string name, std::int64_t* value, std::int64_t least,
                 std::int64_t most, std::string help);
  Config& Time(std::string name, absl::Duration* value, absl::Duration least,
               absl::Duration most, std::string help);
  Config& Choice(std::string name, std::string* value,
                 std::vector<std::string> choices, std::string help);
  Config& Flag(std::string name, bool* value, std::string help);

  // A rule for the text setting declared last: OK, or what is wrong with
  // `text`, which it must not repeat if that may hold a secret.
  // REQUIRES: one was declared.
  Config& Must(std::function<absl::Status(const std::string& text)> rule);

  // A rule over several settings; returns what is wrong, or nothing.
  Config& Check(std::function<std::optional<std::string>()> rule);

  // From now on the environment gives only the settings `names`, and no file:
  // for a program that is run where the variables of services may be set.
  Config& EnvironmentOnly(std::set<std::string> names);

  // Reads all sources and sets the values.
  //
  //   kInvalidArgument  one line for each mistake. Values are then unspecified.
  //   kCancelled        --help was asked for; the message is the help text.
  absl::Status Parse(int argc, const char* const* argv);
  // The same with the environment and the names of its variables given, for
  // tests.
  absl::Status Parse(
      int argc, const char* const* argv,
      const std::function<std::optional<std::string>(const std::string&)>&
          environment,
      const std::vector<std::string>& variables = {});

  // What every setting is and where it came from, secrets hidden: for the log.
  struct Origin {
    std::string name;
    std::string value;
    std::string source;  // "flag", "environment", "file" or "default".
  };
  const std::vector<Origin>& origins() const { return origins_; }

  // What looked like a setting in the environment and is none, a line each:
  // STELE_LEESE. Known once Parse() has returned.
  const std::vector<std::string>& warnings() const { return warnings_; }

  std::string Help() const;
  const std::string& program() const { return program_; }

 private:
  struct Setting {
    std::string name;
    std::string help;
    std::string default_text;
    std::string bounds;
    bool is_flag = false;
    bool is_secret = false;
    bool is_url = false;
    bool is_required = false;
    // Sets the value; what is wrong with `text`, or nothing.
    std::function<std::optional<std::string>(const std::string& text)> assign;
    std::function<absl::Status(const std::string& text)> rule = nullptr;
  };
  struct Given {
    std::string text;
    std::string source;  // "flag" ...
    std::string where;   // "--lease", "STELE_LEASE", "stele.conf:12"
  };

  using Environment =
      std::function<std::optional<std::string>(const std::string&)>;
  // What the sources say, before any of it is believed.
  struct Sources {
    std::map<std::string, Given> given;  // The first source to give one wins.
    std::optional<std::string> file;
    std::string file_origin;  // Who named it: "--config".
    std::vector<std::string> problems;
  };

  Config& Add(Setting setting);
  const Setting* Find(std::string_view name) const;
  bool IsFromEnvironment(const std::string& name) const;
  // False if --help was asked for.
  bool CollectFlags(int argc, const char* const* argv, Sources& sources) const;
  void CollectEnvironment(const Environment& environment,
                          Sources& sources) const;
  void CollectFile(Sources& sources) const;
  void NoteUnknown(const std::vector<std::string>& variables);
  static std::vector<std::string> RealVariables();
  void Assign(Sources& sources);
  // What is wrong with `text`, or nothing.
  static std::optional<std::string> Set(const Setting& setting,
                                        const std::string& text);
  static std::string Shown(const Setting& setting, const std::string& text);
  static std::string EnvironmentName(const std::string& name);

  std::string program_;
  std::string description_;
  std::vector<Setting> settings_;
  std::vector<std::function<std::optional<std::string>()>> rules_;
  // Nothing: all of them.
  std::optional<std::set<std::string>> from_environment_;
  std::vector<Origin> origins_;
  std::vector<std::string> warnings_;
};

}  // namespace stele

#endif  // STELE_RUNTIME_CONFIG_H_
