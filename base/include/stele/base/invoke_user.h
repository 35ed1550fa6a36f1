#ifndef STELE_BASE_INVOKE_USER_H_
#define STELE_BASE_INVOKE_USER_H_

#include <cxxabi.h>

#include <exception>
#include <string_view>
#include <utility>

#include "stele/base/status.h"

namespace stele {

// Runs the user's `work`, which returns a Status or StatusOr and should not
// throw. If it does, the exception ends here as a kInternal status that names
// `handler`.
template <typename Work>
auto InvokeUser(std::string_view handler, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const abi::__forced_unwind&) {
    throw;  // The thread is being cancelled; swallowing this would abort.
  } catch (const std::exception& e) {
    return HandlerThrewError(handler, e.what());
  } catch (...) {
    return HandlerThrewError(handler, "something that is no std::exception");
  }
}

}  // namespace stele

#endif  // STELE_BASE_INVOKE_USER_H_
