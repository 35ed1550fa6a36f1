#include <array>
#include <optional>
#include <string_view>

#include "stele/sagas/saga_storage.h"

namespace stele {
namespace {

constexpr std::array<std::string_view, 6> kNames = {
    "", "active", "compensating", "completed", "compensated", "parked"};

}  // namespace

std::string_view SagaStatusName(SagaStatus status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kNames.size() ? kNames[index] : kNames[0];
}

std::optional<SagaStatus> ParseSagaStatus(std::string_view name) {
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<SagaStatus>(i);
  }
  return std::nullopt;
}

}  // namespace stele
