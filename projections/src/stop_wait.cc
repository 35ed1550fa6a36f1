#include "stop_wait.h"

#include "absl/synchronization/notification.h"

namespace stele::projections_internal {

bool WaitForStop(const std::stop_token& stop, absl::Duration at_most) {
  absl::Notification requested;
  const std::stop_callback callback(stop, [&] { requested.Notify(); });
  requested.WaitForNotificationWithTimeout(at_most);
  return stop.stop_requested();
}

}  // namespace stele::projections_internal
