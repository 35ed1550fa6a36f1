#ifndef STELE_TESTS_CLI_CLI_FIXTURE_H_
#define STELE_TESTS_CLI_CLI_FIXTURE_H_

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bank.stele.h"
#include "stele/eventstore/event_store.h"
#include "stele/runtime/runtime.h"
#include "stele/testing/status_matchers.h"

namespace stele::testing {

// What a run of the program came to.
struct Answer {
  int exit = -1;
  std::string out;
  std::string err;

  // `out` as the one object of the contract; fails the test if it is not.
  boost::json::object Json() const;
  // Its "data" and "diagnostics".
  boost::json::value Data() const;
  std::string Diagnostics() const;
};

// Runs the program with nothing but these arguments. `output` says to the shell
// where standard output goes, if not into the answer: ">/dev/full".
Answer RunStele(std::vector<std::string> arguments,
                std::vector<std::string> environment = {},
                const std::string& output = ">\"$OUT\"");

// Has the program look after a store in a schema of its own.
class CliTest : public ::testing::Test {
 protected:
  CliTest();

  // Runs the program on this test's store.
  Answer Stele(std::vector<std::string> arguments) const;
  // The same with -o json, whose object is checked.
  Answer Json(std::vector<std::string> arguments) const;

  void Migrate();
  std::shared_ptr<EventStore> OpenStore();
  // A service on the store, to which `add` adds the parts; started.
  std::unique_ptr<Runtime> StartService(
      const std::function<void(Runtime&)>& add);

  static const std::string& Dsn();
  std::string Query(const std::string& sql) const;
  // Waits until `holds`; fails the test after a minute.
  void Await(const std::string& what, const std::function<bool()>& holds);

  const std::string schema_;
};

// The value at "/a/0/b".
boost::json::value At(const boost::json::value& value, std::string_view path);
std::string TextAt(const boost::json::value& value, std::string_view path);

}  // namespace stele::testing

#endif  // STELE_TESTS_CLI_CLI_FIXTURE_H_
