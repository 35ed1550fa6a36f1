#ifndef STELE_SANDBOX_SRC_LOG_TAIL_H_
#define STELE_SANDBOX_SRC_LOG_TAIL_H_

#include <string>

namespace stele::sandbox {

// The whole file; empty if it cannot be read.
std::string ReadFile(const std::string& path);

// The last lines of a log file, for an error message.
std::string LogTail(const std::string& path);

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_SRC_LOG_TAIL_H_
