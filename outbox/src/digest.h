#ifndef STELE_OUTBOX_SRC_DIGEST_H_
#define STELE_OUTBOX_SRC_DIGEST_H_

#include <string>
#include <string_view>

namespace stele::outbox_internal {

// The SHA-256 digest of `bytes`, in hex.
std::string Sha256(std::string_view bytes);

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_DIGEST_H_
