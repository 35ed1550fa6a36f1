#ifndef STELE_EVENTSTORE_BROKEN_TEXT_H_
#define STELE_EVENTSTORE_BROKEN_TEXT_H_

#include <google/protobuf/message.h>

#include <string>

namespace stele {

// The path of the first string field of `message` that is not well-formed
// UTF-8, like "lines[2].sku"; empty if there is none. protobuf writes such a
// field but refuses to read it back.
std::string FindBrokenText(const google::protobuf::Message& message);

}  // namespace stele

#endif  // STELE_EVENTSTORE_BROKEN_TEXT_H_
