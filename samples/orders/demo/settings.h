#ifndef ORDERS_DEMO_SETTINGS_H_
#define ORDERS_DEMO_SETTINGS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "demo/cluster.h"
#include "input/order_file.h"

namespace orders {

// What the demo can be told. Everything by flag or file; of the environment,
// where settings of services may stand, it takes STELE_DATABASE_URL alone.
struct Settings {
  std::int64_t orders = 1000;  // Of --input: at most these, the first ones.
  std::string input = {};
  std::string bad_lines = "skip";
  std::int64_t seed = 7;  // What data/orders.jsonl was made of.
  std::int64_t callers = 16;
  std::string database_url = {};
  std::string broker_url = {};
  std::string story = {};
  std::string save_input = {};
  bool keep = false;

  bool are_orders_given = false;  // By whoever runs it.
  // What gave the database, "STELE_DATABASE_URL", and its URL without password.
  std::string database_source = {};
  std::string shown_database_url = {};
  std::string broker_source = {};
};

// The environment: a variable's value, if it is set.
using Environment =
    std::function<std::optional<std::string>(const std::string& name)>;

// kInvalidArgument says what is wrong; kCancelled has the help text.
absl::StatusOr<Settings> ParseSettings(int argc, const char* const* argv,
                                       const Environment& environment);

// The orders to send in: those of --input; or else the sample's own file in
// `programs_folder`, if just as many are wanted; or else made-up ones.
//
// Says on standard error which lines are no orders, the first 20 of them.
absl::StatusOr<std::vector<OrderInput>> ReadInput(
    const Settings& settings, const std::string& programs_folder);

// kInvalidArgument says why `path` cannot be written.
absl::Status Save(const std::string& path,
                  const std::vector<OrderInput>& orders);

// In a server of the user's own, the schemas are the demo's by their names.
Schemas SchemasFor(const Settings& settings);

// Whose database is used if it is not our own; empty if it is.
std::string DatabaseNotice(const Settings& settings);

}  // namespace orders

#endif  // ORDERS_DEMO_SETTINGS_H_
