#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nats_consumer.h"
#include "nats_link.h"
#include "nats_names.h"
#include "nats_publisher.h"
#include "nats_status.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/outbox/brokers/nats.h"

namespace stele {
namespace {

using nats_internal::DurableOf;
using nats_internal::NatsConsumer;
using nats_internal::NatsLink;
using nats_internal::NatsPublisher;
using nats_internal::RedactUrl;

absl::Status OutOfBounds(std::string_view option, std::string_view bounds) {
  return absl::InvalidArgumentError(absl::StrCat("NatsOptions.", ToAbsl(option),
                                                 " must be ", ToAbsl(bounds)));
}

// REQUIRES: ValidateBrokerUrls(urls) is OK.
bool AreNatsUrls(std::string_view urls) {
  for (const auto url : absl::StrSplit(ToAbsl(urls), ',')) {
    const auto trimmed = absl::StripAsciiWhitespace(url);
    if (!absl::StartsWith(trimmed, "nats://") &&
        !absl::StartsWith(trimmed, "tls://")) {
      return false;
    }
  }
  return true;
}

absl::Status ValidateNames(const NatsOptions& options) {
  if (const absl::Status valid = ValidateGroup(options.stream); !valid.ok())
    return OutOfBounds("stream", "letters, digits, '_' and '-'");
  if (const absl::Status valid = ValidateTopic(options.subject_prefix);
      !valid.ok())
    return OutOfBounds("subject_prefix",
                       "tokens of letters, digits, '_' and '-', joined by "
                       "dots");
  if (const absl::Status valid = ValidateBrokerUrls(options.url); !valid.ok())
    return Annotate(valid, "NatsOptions.url");
  if (!AreNatsUrls(options.url))
    return OutOfBounds("url", "one or more of nats://host:port and tls://...");
  if (!options.nkey_seed_file.empty() && options.nkey_public.empty())
    return OutOfBounds("nkey_public", "given together with nkey_seed_file");
  return absl::OkStatus();
}

absl::Status ValidateBounds(const NatsOptions& options) {
  const absl::Duration ms = absl::Milliseconds(1);
  if (options.duplicates_window < absl::Milliseconds(100))
    return OutOfBounds("duplicates_window", "at least 100 ms");
  if (options.max_age < absl::ZeroDuration() ||
      (options.max_age > absl::ZeroDuration() &&
       options.max_age < options.duplicates_window))
    return OutOfBounds("max_age", "0 or at least duplicates_window");
  if (options.max_bytes == 0 || options.max_bytes < -1)
    return OutOfBounds("max_bytes", "-1 or greater than 0");
  if (options.replicas < 1 || options.replicas > 5)
    return OutOfBounds("replicas", "1 to 5");
  if (options.publish_window < 1 || options.publish_window > 10'000)
    return OutOfBounds("publish_window", "1 to 10000");
  if (options.unsettled_max < 1) return OutOfBounds("unsettled_max", ">= 1");
  if (options.ack_timeout < ms || options.connect_timeout < ms ||
      options.ack_wait < absl::Milliseconds(100))
    return OutOfBounds("ack_timeout, connect_timeout and ack_wait",
                       "at least 1, 1 and 100 ms");
  return absl::OkStatus();
}

class NatsBroker : public Broker {
 public:
  explicit NatsBroker(NatsOptions options) : options_(std::move(options)) {}

  std::string Describe() const override {
    return absl::StrCat("NATS at ", RedactUrl(options_.url));
  }

  absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() override {
    absl::StatusOr<std::unique_ptr<NatsLink>> link = NatsLink::Dial(options_);
    if (absl::IsDeadlineExceeded(link.status()))
      return absl::UnavailableError(link.status().message());
    STELE_RETURN_IF_ERROR(link);
    return std::make_unique<NatsPublisher>(options_, *std::move(link));
  }

  absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics,
      const std::string& group) override {
    STELE_RETURN_IF_ERROR(ValidateGroup(group));
    if (topics.empty())
      return absl::InvalidArgumentError("a consumer needs at least one topic");
    for (const std::string& topic : topics)
      STELE_RETURN_IF_ERROR(ValidateTopic(topic));
    auto consumer = std::make_unique<NatsConsumer>(options_, topics, group);
    STELE_RETURN_IF_ERROR(consumer->Open());
    return consumer;
  }

 private:
  const NatsOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Broker>> MakeNatsBroker(NatsOptions options) {
  STELE_RETURN_IF_ERROR(ValidateNames(options));
  STELE_RETURN_IF_ERROR(ValidateBounds(options));
  return std::make_unique<NatsBroker>(std::move(options));
}

}  // namespace stele
