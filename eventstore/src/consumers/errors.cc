#include "consumers/errors.h"

#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"

namespace stele {

absl::Status UnknownConsumer(const std::string& consumer) {
  return absl::NotFoundError(
      absl::StrCat("consumer ", Quoted(consumer), " is not registered"));
}

absl::Status NotParked(const std::string& consumer, const std::string& key) {
  return absl::NotFoundError(absl::StrCat("consumer ", Quoted(consumer),
                                          " has not parked key ", Quoted(key)));
}

absl::Status NotHeld(const std::string& consumer, const std::string& key,
                     std::int64_t position) {
  return absl::AbortedError(
      absl::StrCat("consumer ", Quoted(consumer), ": the event at position ",
                   position, " is no longer held for key ", Quoted(key)));
}

}  // namespace stele
