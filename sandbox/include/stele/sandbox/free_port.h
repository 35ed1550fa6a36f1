#ifndef STELE_SANDBOX_FREE_PORT_H_
#define STELE_SANDBOX_FREE_PORT_H_

#include "absl/status/statusor.h"

namespace stele::sandbox {

// A TCP port that nothing on 127.0.0.1 listens on at this moment.
//
// It is taken from below the range that the kernel hands to outgoing
// connections, so that a server which is stopped and started again finds its
// port still free. Somebody else may be quicker all the same: who binds it must
// be ready to ask for another one.
//
// Errors: kResourceExhausted if none was found. Thread-safe.
absl::StatusOr<int> FreePort();

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_FREE_PORT_H_
