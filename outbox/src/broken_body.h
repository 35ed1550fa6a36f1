#ifndef STELE_OUTBOX_SRC_BROKEN_BODY_H_
#define STELE_OUTBOX_SRC_BROKEN_BODY_H_

#include "absl/status/status.h"

namespace stele::outbox_internal {

// True iff `status` comes from BrokenBodyError(), annotated or not.
bool IsBrokenBody(const absl::Status& status);

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_BROKEN_BODY_H_
