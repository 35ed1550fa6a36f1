#ifndef STELE_EVENTSTORE_SRC_CONSUMERS_ERRORS_H_
#define STELE_EVENTSTORE_SRC_CONSUMERS_ERRORS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace stele {

// What every store answers about consumers, in the same words.
absl::Status UnknownConsumer(const std::string& consumer);  // kNotFound.
absl::Status NotParked(const std::string& consumer,
                       const std::string& key);  // kNotFound.
absl::Status NotHeld(const std::string& consumer, const std::string& key,
                     std::int64_t position);  // kAborted.

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_CONSUMERS_ERRORS_H_
