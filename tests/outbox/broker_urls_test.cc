#include <gmock/gmock.h>

#include "stele/outbox/broker.h"
#include "stele/testing/status_matchers.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(BrokerUrlsTest, TakesOneOrSeveral) {
  for (const char* urls :
       {"nats://localhost", "nats://localhost:4222",
        "tls://ada:s3c%20ret@a.example.com:4222, tls://b.example.com:65535",
        "nats://token@10.0.0.1:1", "nats://[::1]:4222", "nats://[::1]",
        "amqp://user:pass@host:5672/vhost?heartbeat=5"}) {
    EXPECT_THAT(ValidateBrokerUrls(urls), IsOk()) << urls;
  }
}

TEST(BrokerUrlsTest, SaysWhatIsWrongAndRepeatsNothing) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "URL 1 has no scheme"},
      {"localhost:4222", "URL 1 has no scheme"},
      {"://s3cret@host", "URL 1 has no scheme"},
      {"nats://a:1,s3cret", "URL 2 has no scheme"},
      {"nats://a:1,", "URL 2 has no scheme"},
      {"nats://", "URL 1 has no host"},
      {"nats://u:s3cret@:4222", "URL 1 has no host"},
      {"nats://u:s3cret@host:http", "port"},
      {"nats://u:s3cret@host:0", "port"},
      {"nats://u:s3cret@host:65536", "port"},
      {"nats://u:s3cret@ho st:1", "blanks"},
      {"nats://u:s3cret@h\x80:1", "blanks"},
  };
  for (const auto& [urls, what] : wrong) {
    EXPECT_THAT(ValidateBrokerUrls(urls),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(what), Not(HasSubstr("s3cret")))))
        << urls;
  }
}

}  // namespace
}  // namespace stele::testing
