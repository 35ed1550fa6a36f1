#ifndef STELE_CLI_ARGUMENTS_H_
#define STELE_CLI_ARGUMENTS_H_

#include <cstdint>
#include <string>

#include "CLI/CLI.hpp"

namespace stele::cli {

// Both declare an argument of `command` (or an option, with dashes) that is
// checked before anything else is done; what is wrong with it is a wrong call
// that names it. `into` must outlive `command`.

// A name: not empty, well-formed UTF-8.
CLI::Option* AddName(CLI::App* command, const std::string& argument,
                     std::string& into, const std::string& help);

// A decimal number from `least` to `most`. What `into` holds is the default,
// and shown as such unless it is 0.
CLI::Option* AddNumber(CLI::App* command, const std::string& argument,
                       std::int64_t& into, const std::string& help,
                       std::int64_t least, std::int64_t most);

}  // namespace stele::cli

#endif  // STELE_CLI_ARGUMENTS_H_
