#include "stele/outbox/in_memory_broker.h"

#include <memory>

#include "stele/testing/broker_conformance.h"

namespace stele::testing {
namespace {

class MemoryUnderTest : public BrokerUnderTest {
 public:
  Broker& broker() override { return *broker_; }
  void TakeDown() override { broker_->SetReachable(false); }
  void BringUp() override { broker_->SetReachable(true); }
  bool deduplicates() const override { return true; }
  absl::Duration ack_wait() const override { return absl::Seconds(1); }
  std::size_t too_large_bytes() const override { return (2 << 20) + 1; }

 private:
  const std::unique_ptr<InMemoryBroker> broker_ =
      MakeInMemoryBroker({.ack_wait = absl::Seconds(1)});
};

std::unique_ptr<BrokerUnderTest> MakeMemoryUnderTest() {
  return std::make_unique<MemoryUnderTest>();
}

}  // namespace
}  // namespace stele::testing

STELE_INSTANTIATE_BROKER_CONFORMANCE(InMemory, &MakeMemoryUnderTest);
