#include "tests/outbox/failpoints.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/transaction.h"

namespace stele::testing {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Armed {
  std::string point;
  int at = 0;
  bool dies = false;
  std::string folder;
};

const Armed& TheArmed() {
  static const Armed& armed = *[] {
    auto* made = new Armed;
    const std::vector<std::string> parts =
        absl::StrSplit(Environment("STELE_FAIL_AT"), ':');
    made->point = parts[0];
    if (parts.size() == 2 && !absl::SimpleAtoi(parts[1], &made->at)) abort();
    made->dies = Environment("STELE_FAIL_HOW") == "die";
    made->folder = Environment("STELE_FAIL_FOLDER");
    return made;
  }();
  return armed;
}

void StandStill(const std::string& folder) {
  std::ofstream(folder + "/paused") << "paused\n";
  while (access((folder + "/go").c_str(), F_OK) != 0)
    absl::SleepFor(absl::Milliseconds(1));
}

class FailingPublisher : public BrokerPublisher {
 public:
  explicit FailingPublisher(std::unique_ptr<BrokerPublisher> inner)
      : inner_(std::move(inner)) {}

  PublishResult Publish(std::span<const BrokerMessage> batch) override {
    HitFailpoint("read");
    std::size_t done = 0;
    if (IsFailpointArmed("amid") && batch.size() > 1) {
      const PublishResult half = inner_->Publish(batch.first(batch.size() / 2));
      if (!half.status.ok()) return half;
      done = half.acknowledged;
      HitFailpoint("amid");
    }
    PublishResult result = inner_->Publish(batch.subspan(done));
    result.acknowledged += done;
    HitFailpoint("acked");
    return result;
  }

 private:
  const std::unique_ptr<BrokerPublisher> inner_;
};

class FailingConsumer : public BrokerConsumer {
 public:
  explicit FailingConsumer(std::unique_ptr<BrokerConsumer> inner)
      : inner_(std::move(inner)) {}

  absl::StatusOr<std::vector<BrokerMessage>> Fetch(
      std::size_t limit, absl::Duration wait) override {
    auto fetched = inner_->Fetch(limit, wait);
    if (fetched.ok() && !fetched->empty()) HitFailpoint("fetched");
    return fetched;
  }

  absl::Status Settle(std::size_t index, Disposition disposition,
                      absl::Duration delay) override {
    HitFailpoint("handled");
    const absl::Status settled = inner_->Settle(index, disposition, delay);
    HitFailpoint("settled");
    return settled;
  }

 private:
  const std::unique_ptr<BrokerConsumer> inner_;
};

class FailingBroker : public Broker {
 public:
  explicit FailingBroker(Broker& broker) : broker_(broker) {}

  std::string Describe() const override { return broker_.Describe(); }

  absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() override {
    STELE_ASSIGN_OR_RETURN(std::unique_ptr<BrokerPublisher> inner,
                           broker_.OpenPublisher());
    return std::make_unique<FailingPublisher>(std::move(inner));
  }

  absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics,
      const std::string& group) override {
    STELE_ASSIGN_OR_RETURN(std::unique_ptr<BrokerConsumer> inner,
                           broker_.OpenConsumer(topics, group));
    return std::make_unique<FailingConsumer>(std::move(inner));
  }

 private:
  Broker& broker_;
};

class FailingStore : public EventStore {
 public:
  explicit FailingStore(EventStore& store) : store_(store) {}

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override {
    return store_.AppendAll(requests);
  }
  absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    return store_.ReadStream(request, visit);
  }
  absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    return store_.ReadLog(request, visit);
  }
  absl::StatusOr<std::int64_t> Head() override { return store_.Head(); }
  absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                           absl::Time deadline) override {
    return store_.WaitForHead(position, deadline);
  }
  void Interrupt() override { store_.Interrupt(); }
  absl::StatusOr<StreamInfo> GetStream(const std::string& stream_id) override {
    return store_.GetStream(stream_id);
  }
  absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) override {
    return store_.FindCommand(stream_id, command_id);
  }
  absl::Status Tombstone(const std::string& stream_id,
                         ExpectedVersion expected_version) override {
    return store_.Tombstone(stream_id, expected_version);
  }
  absl::StatusOr<std::optional<Snapshot>> LoadSnapshot(
      const std::string& stream_id) override {
    return store_.LoadSnapshot(stream_id);
  }
  absl::Status SaveSnapshot(const Snapshot& snapshot) override {
    return store_.SaveSnapshot(snapshot);
  }
  ConsumerStorage& consumers() override { return store_.consumers(); }
  absl::StatusOr<Uuid> Epoch() override { return store_.Epoch(); }

  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    const absl::Status done = store_.Transact([&](Transaction& tx) {
      absl::Status status = work(tx);
      if (status.ok()) HitFailpoint("in_commit");
      return status;
    });
    if (done.ok()) HitFailpoint("committed");
    return done;
  }

 private:
  EventStore& store_;
};

}  // namespace

bool IsFailpointArmed(std::string_view point) {
  return TheArmed().point == point;
}

void HitFailpoint(std::string_view point) {
  static std::atomic<int> hits = 0;
  if (!IsFailpointArmed(point) || ++hits != TheArmed().at) return;
  if (TheArmed().dies) kill(getpid(), SIGKILL);
  StandStill(TheArmed().folder);
}

std::unique_ptr<Broker> WithFailpoints(Broker& broker) {
  return std::make_unique<FailingBroker>(broker);
}

std::unique_ptr<EventStore> WithFailpoints(EventStore& store) {
  return std::make_unique<FailingStore>(store);
}

}  // namespace stele::testing
