#include "engine_options.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "instance.h"
#include "stele/base/status.h"

namespace stele {
namespace sagas_internal {

absl::Status CheckOptions(const SagaEngineOptions& options) {
  const auto check = [](const char* name, std::int64_t value,
                        std::int64_t least, std::int64_t most) {
    if (value >= least && value <= most) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("SagaEngineOptions.", name, " is ", value,
                     "; it must be from ", least, " to ", most));
  };
  STELE_RETURN_IF_ERROR(check("slots", options.slots, 1, 1024));
  STELE_RETURN_IF_ERROR(check("cached_instances_max",
                              options.cached_instances_max, 0, 100'000'000));
  STELE_RETURN_IF_ERROR(check("dispatches_max", options.dispatches_max, 1, 64));
  STELE_RETURN_IF_ERROR(
      check("steps_max", options.steps_max, 1, std::int64_t{1} << 40));
  return check("timers_per_tick_max", options.timers_per_tick_max, 1, 10'000);
}

}  // namespace sagas_internal

ConsumerOptions SagaConsumerOptions(const SagaType& type,
                                    const SagaEngineOptions& options) {
  ConsumerOptions consumer;
  consumer.name = absl::StrCat("saga/", type.name);
  consumer.slots = options.slots;
  for (const auto& [event, handler] : type.events) {
    consumer.types.push_back(event);
  }
  consumer.types.emplace_back(sagas_internal::kSteppedType);
  consumer.types.emplace_back(sagas_internal::kElapsedType);
  consumer.types.emplace_back(sagas_internal::kGivenUpType);
  consumer.tick = absl::Milliseconds(20);
  consumer.metrics = options.metrics;
  return consumer;
}

}  // namespace stele
