#include "stele/outbox/brokers/nats.h"

#include <memory>
#include <utility>

#include "stele/sandbox/private_nats.h"
#include "stele/testing/broker_conformance.h"

namespace stele::testing {
namespace {

NatsOptions ShortTimes(std::string url) {
  NatsOptions options;
  options.url = std::move(url);
  options.ack_wait = absl::Seconds(1);
  options.ack_timeout = absl::Seconds(3);
  options.connect_timeout = absl::Seconds(1);
  return options;
}

class NatsUnderTest : public BrokerUnderTest {
 public:
  NatsUnderTest()
      : server_(sandbox::PrivateNats::Start().value()),
        broker_(MakeNatsBroker(ShortTimes(server_->url())).value()) {}

  Broker& broker() override { return *broker_; }
  void TakeDown() override { ASSERT_THAT(server_->Kill9(), IsOk()); }
  void BringUp() override { ASSERT_THAT(server_->Restart(), IsOk()); }
  bool deduplicates() const override { return true; }
  absl::Duration ack_wait() const override { return absl::Seconds(1); }
  std::size_t too_large_bytes() const override { return (1 << 20) + 1; }

 private:
  const std::unique_ptr<sandbox::PrivateNats> server_;
  const std::unique_ptr<Broker> broker_;
};

std::unique_ptr<BrokerUnderTest> MakeNatsUnderTest() {
  return std::make_unique<NatsUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Nats, BrokerConformanceTest,
                         ::testing::Values(&MakeNatsUnderTest));

class NatsBrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = sandbox::PrivateNats::Start().value();
    options_ = ShortTimes(server_->url());
  }
  std::unique_ptr<sandbox::PrivateNats> server_;
  NatsOptions options_;
};

TEST_F(NatsBrokerTest, RefusesOptionsOutOfBounds) {
  const auto refuses = [&](auto change) {
    NatsOptions options = options_;
    change(options);
    EXPECT_THAT(MakeNatsBroker(options).status(),
                StatusIs(absl::StatusCode::kInvalidArgument));
  };
  refuses([](NatsOptions& o) { o.url = ""; });
  refuses([](NatsOptions& o) { o.url = " , "; });
  refuses([](NatsOptions& o) { o.url = "localhost"; });
  refuses([](NatsOptions& o) { o.url = "nats://a:1,http://b:1"; });
  refuses([](NatsOptions& o) { o.stream = "a.b"; });
  refuses([](NatsOptions& o) { o.stream = ""; });
  refuses([](NatsOptions& o) { o.subject_prefix = "a.>"; });
  refuses([](NatsOptions& o) { o.publish_window = 0; });
  refuses([](NatsOptions& o) { o.replicas = 6; });
  refuses([](NatsOptions& o) { o.duplicates_window = absl::ZeroDuration(); });
  refuses([](NatsOptions& o) { o.max_age = absl::Seconds(1); });
  refuses([](NatsOptions& o) { o.max_bytes = 0; });
  refuses([](NatsOptions& o) { o.nkey_seed_file = "/tmp/seed"; });
}

TEST_F(NatsBrokerTest, NamesTheServerWithoutItsSecrets) {
  options_.url = "nats://ada:secret@localhost:1,nats://token@localhost:2";
  const auto broker = MakeNatsBroker(options_).value();
  EXPECT_EQ(broker->Describe(),
            "NATS at nats://***@localhost:1,nats://***@localhost:2");
  EXPECT_THAT(broker->OpenPublisher().status(),
              StatusIs(absl::StatusCode::kUnavailable,
                       ::testing::AllOf(
                           ::testing::HasSubstr("localhost:1"),
                           ::testing::Not(::testing::HasSubstr("secret")))));
}

TEST_F(NatsBrokerTest, TwoThatShareAStreamOnlyWidenIt) {
  const auto orders = MakeNatsBroker(options_).value();
  ASSERT_THAT(orders->OpenPublisher().status(), IsOk());
  options_.subject_prefix = "billing";
  options_.duplicates_window = absl::Seconds(1);
  const auto billing = MakeNatsBroker(options_).value();
  const auto publisher = billing->OpenPublisher().value();
  const auto consumer = billing->OpenConsumer({"paid"}, "g").value();

  BrokerMessage message;
  message.id = "1";
  message.topic = "paid";
  message.headers["ce-id"] = "1";
  EXPECT_THAT(publisher->Publish({&message, 1}).status, IsOk());
  EXPECT_THAT(
      *consumer->Fetch(1, absl::Seconds(10)),
      ::testing::ElementsAre(::testing::Field(&BrokerMessage::topic, "paid")));
  // The first one's subjects are still there, and its ids are its own.
  EXPECT_THAT(orders->OpenPublisher().value()->Publish({&message, 1}).status,
              IsOk());
  EXPECT_THAT(
      *orders->OpenConsumer({"paid"}, "g2")
           .value()
           ->Fetch(1, absl::Seconds(10)),
      ::testing::ElementsAre(::testing::Field(&BrokerMessage::id, "1")));
}

TEST_F(NatsBrokerTest, SaysWhoElseTakesItsSubjects) {
  ASSERT_THAT(MakeNatsBroker(options_).value()->OpenPublisher().status(),
              IsOk());
  options_.stream = "OTHER";
  EXPECT_THAT(MakeNatsBroker(options_).value()->OpenPublisher().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::HasSubstr("subject_prefix")));
}

TEST_F(NatsBrokerTest, AFullStreamIsUnavailableAndForgetsNothing) {
  options_.max_bytes = 4000;
  const auto broker = MakeNatsBroker(options_).value();
  const auto publisher = broker->OpenPublisher().value();
  std::size_t stored = 0;
  absl::Status status;
  for (int n = 0; n < 100 && status.ok(); ++n) {
    BrokerMessage message;
    message.id = absl::StrCat(n);
    message.topic = "t";
    message.headers["ce-id"] = message.id;
    message.body.assign(200, 'x');
    const PublishResult result = publisher->Publish({&message, 1});
    stored += result.acknowledged;
    status = result.status;
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  const auto consumer = broker->OpenConsumer({"t"}, "g").value();
  const auto held = consumer->Fetch(100, absl::Seconds(5));
  ASSERT_THAT(held, IsOk());
  ASSERT_FALSE(held->empty());
  EXPECT_EQ(held->front().id, "0");
  EXPECT_LE(held->size(), stored);
}

}  // namespace
}  // namespace stele::testing
