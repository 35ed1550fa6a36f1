#ifndef STELE_AGGREGATES_SRC_FINGERPRINT_H_
#define STELE_AGGREGATES_SRC_FINGERPRINT_H_

#include <google/protobuf/descriptor.h>

#include <string>

namespace stele {

// Changes when the fields of the message `state`, or of a message or enum that
// it refers to, change, or `fold_version` does. Options and comments do not
// count.
std::string StateFingerprint(const google::protobuf::Descriptor& state,
                             int fold_version);

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_FINGERPRINT_H_
