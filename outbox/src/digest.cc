#include "digest.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "stele/base/check.h"
#include "stele/base/strings.h"

namespace stele::outbox_internal {
namespace {

constexpr std::size_t kMaxJoinedBytes = 200;

}  // namespace

std::string Sha256(std::string_view bytes) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  STELE_CHECK(EVP_Digest(bytes.data(), bytes.size(),
                         reinterpret_cast<unsigned char*>(digest.data()), &size,
                         EVP_sha256(), nullptr) == 1);
  return absl::BytesToHexString(
      ToAbsl(std::string_view(digest).substr(0, size)));
}

std::string JoinSourceAndId(std::string_view source, std::string_view id) {
  // The length says where the source ends.
  std::string joined =
      absl::StrCat(source.size(), " ", ToAbsl(source), " ", ToAbsl(id));
  if (joined.size() <= kMaxJoinedBytes) return joined;
  // Begins unlike any that is not digested: those begin with a digit.
  return absl::StrCat("sha256:", Sha256(joined));
}

}  // namespace stele::outbox_internal
