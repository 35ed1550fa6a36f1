#ifndef STELE_OUTBOX_SRC_DIGEST_H_
#define STELE_OUTBOX_SRC_DIGEST_H_

#include <string>
#include <string_view>

namespace stele::outbox_internal {

// The SHA-256 digest of `bytes`, in hex.
std::string Sha256(std::string_view bytes);

// A source and an id as one text: different for different pairs, whatever bytes
// they hold, and at most 200 bytes long. Stored: never change it.
std::string JoinSourceAndId(std::string_view source, std::string_view id);

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_DIGEST_H_
