#include "digest.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "stele/base/check.h"
#include "stele/base/strings.h"

namespace stele::outbox_internal {

std::string Sha256(std::string_view bytes) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  STELE_CHECK(EVP_Digest(bytes.data(), bytes.size(),
                         reinterpret_cast<unsigned char*>(digest.data()), &size,
                         EVP_sha256(), nullptr) == 1);
  return absl::BytesToHexString(
      ToAbsl(std::string_view(digest).substr(0, size)));
}

}  // namespace stele::outbox_internal
