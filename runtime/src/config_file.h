#ifndef STELE_RUNTIME_SRC_CONFIG_FILE_H_
#define STELE_RUNTIME_SRC_CONFIG_FILE_H_

#include <string>
#include <vector>

namespace stele {

// A line "name = value" of a config file.
struct ConfigLine {
  int number = 0;  // From 1.
  std::string name;
  std::string value;
};

// The lines of a config file that say something, in order. What is wrong with
// the file, which `origin` named, or with its other lines is added to
// `problems`. Only regular files and pipes are read; a byte order mark is
// skipped.
std::vector<ConfigLine> ReadConfigFile(const std::string& path,
                                       const std::string& origin,
                                       std::vector<std::string>& problems);

}  // namespace stele

#endif  // STELE_RUNTIME_SRC_CONFIG_FILE_H_
