#ifndef STELE_BASE_TRACE_H_
#define STELE_BASE_TRACE_H_

#include <string>
#include <string_view>

namespace stele {

// A W3C trace context header (https://www.w3.org/TR/trace-context/):
// "00-<32 hex: trace id>-<16 hex: parent id>-<2 hex: flags>".

// A new context with random ids, marked as sampled.
std::string NewTraceparent();

// A context in the same trace as `parent` with a new parent id; a new trace if
// `parent` is empty or malformed.
std::string ChildTraceparent(std::string_view parent);

bool IsValidTraceparent(std::string_view text);

}  // namespace stele

#endif  // STELE_BASE_TRACE_H_
