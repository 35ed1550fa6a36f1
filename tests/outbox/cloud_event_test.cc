#include "stele/outbox/cloud_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "stele/base/trace.h"
#include "stele/testing/status_matchers.h"

namespace stele::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kTrace[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

RecordedEvent Event() {
  EventMetadata metadata;
  metadata.correlation_id = "request-7";
  metadata.causation_id = "command-9";
  metadata.traceparent = kTrace;
  metadata.headers = {{"tenant", "Zürich"}, {"bad name", "x"}};
  RecordedEvent event;
  event.stream_id = "order-42";
  event.version = 3;
  event.position = 1234;
  event.recorded_at = absl::FromUnixMicros(1767225600'123456);
  event.id = *Uuid::Parse("0190163d-8694-739b-aea5-966c26f8ad91");
  event.type = "orders.OrderPlaced";
  event.payload = "payload";
  event.metadata = SerializeMetadata(metadata);
  return event;
}

TEST(CloudEventTest, CarriesAllThatTheStoreKnows) {
  const BrokerMessage message =
      ToBrokerMessage(Event(), "orders.order", "/orders").value();

  EXPECT_EQ(message.id, "0190163d-8694-739b-aea5-966c26f8ad91");
  EXPECT_EQ(message.topic, "orders.order");
  EXPECT_EQ(message.key, "order-42");
  EXPECT_EQ(message.body, "payload");
  EXPECT_EQ(message.position, 1234);
  const std::string trace = message.headers.at("traceparent");
  EXPECT_TRUE(IsValidTraceparent(trace));
  EXPECT_NE(trace, kTrace);
  EXPECT_TRUE(absl::StartsWith(trace, "00-0af7651916cd43dd8448eb211c80319c-"));
  EXPECT_THAT(
      message.headers,
      UnorderedElementsAre(
          Pair("ce-specversion", "1.0"), Pair("ce-id", message.id),
          Pair("ce-source", "/orders"), Pair("ce-type", "orders.OrderPlaced"),
          Pair("ce-subject", "order-42"),
          Pair("ce-time", "2026-01-01T00:00:00.123456Z"),
          Pair("content-type", "application/protobuf"),
          Pair("ce-partitionkey", "order-42"), Pair("ce-traceparent", trace),
          Pair("traceparent", trace), Pair("ce-correlationid", "request-7"),
          Pair("ce-causationid", "command-9"), Pair("ce-position", "1234"),
          Pair("ce-version", "3"), Pair("stele-tenant", "Zürich")));
}

TEST(CloudEventTest, AttributeNamesAreThoseTheSpecificationAllows) {
  const BrokerMessage message =
      ToBrokerMessage(Event(), "orders.order", "/orders").value();
  for (const auto& [name, value] : message.headers) {
    if (!absl::StartsWith(name, "ce-")) continue;
    for (const char c : name.substr(3))
      EXPECT_TRUE((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) << name;
    EXPECT_LE(name.size() - 3, 20u) << name;
  }
}

TEST(CloudEventTest, ComesBackAsItWent) {
  const InboundMessage inbound =
      ParseCloudEvent(
          ToBrokerMessage(Event(), "orders.order", "/orders").value())
          .value();
  EXPECT_EQ(inbound.id, "0190163d-8694-739b-aea5-966c26f8ad91");
  EXPECT_EQ(inbound.source, "/orders");
  EXPECT_EQ(inbound.type, "orders.OrderPlaced");
  EXPECT_EQ(inbound.topic, "orders.order");
  EXPECT_EQ(inbound.stream_id, "order-42");
  EXPECT_EQ(inbound.key, "order-42");
  EXPECT_EQ(inbound.version, 3);
  EXPECT_EQ(inbound.position, 1234);
  EXPECT_EQ(inbound.recorded_at, Event().recorded_at);
  EXPECT_EQ(inbound.correlation_id, "request-7");
  EXPECT_EQ(inbound.causation_id, "command-9");
  EXPECT_THAT(inbound.headers, UnorderedElementsAre(Pair("tenant", "Zürich")));
  EXPECT_EQ(inbound.body, "payload");
}

TEST(CloudEventTest, AnEventWithoutMetadataBeginsATrace) {
  RecordedEvent event = Event();
  event.metadata.clear();
  const BrokerMessage message =
      ToBrokerMessage(event, "orders.order", "/orders").value();
  EXPECT_TRUE(IsValidTraceparent(message.headers.at("ce-traceparent")));
  EXPECT_FALSE(message.headers.contains("ce-correlationid"));
}

TEST(CloudEventTest, BrokenMetadataIsDataLoss) {
  RecordedEvent event = Event();
  event.metadata = "\xff\xff\xff";
  EXPECT_THAT(ToBrokerMessage(event, "orders.order", "/orders").status(),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(CloudEventTest, SaysWhichAttributeIsWrong) {
  const BrokerMessage good =
      ToBrokerMessage(Event(), "orders.order", "/orders").value();
  const auto refuses = [&](const std::string& name, const std::string& value) {
    BrokerMessage bad = good;
    bad.headers[name] = value;
    EXPECT_THAT(ParseCloudEvent(bad).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)))
        << value;
  };
  refuses("ce-id", "");
  refuses("ce-type", "");
  refuses("ce-source", "");
  refuses("ce-specversion", "");
  refuses("ce-specversion", "0.3");
  refuses("ce-type", "broken \xc3");
  refuses("ce-id", std::string("a\0b", 3));
  refuses("ce-id", std::string(2000, 'x'));
  refuses("ce-subject", "line\nbreak");
  refuses("ce-time", "yesterday");
  refuses("ce-version", "-1");
  refuses("ce-position", "many");
  BrokerMessage naked;
  naked.body = "just bytes";
  EXPECT_THAT(ParseCloudEvent(naked).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CloudEventTest, RefusesABodyThatIsTooLarge) {
  BrokerMessage message =
      ToBrokerMessage(Event(), "orders.order", "/orders").value();
  EXPECT_THAT(ParseCloudEvent(message, 7).status(), IsOk());
  EXPECT_THAT(ParseCloudEvent(message, 6).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("body")));
}

TEST(CloudEventTest, ABrokenTraceIsDropped) {
  BrokerMessage message =
      ToBrokerMessage(Event(), "orders.order", "/orders").value();
  message.headers["ce-traceparent"] = "nonsense";
  EXPECT_EQ(ParseCloudEvent(message).value().traceparent, "");
}

TEST(CloudEventTest, MessagesAreToldApartBySourceAndId) {
  const auto dedup_id = [](std::string source, std::string id) {
    InboundMessage message;
    message.source = std::move(source);
    message.id = std::move(id);
    return message.DedupId();
  };
  const std::string uuid = "0190163d-8694-739b-aea5-966c26f8ad91";
  EXPECT_NE(dedup_id("/orders", "7"), dedup_id("/payments", "7"));
  EXPECT_NE(dedup_id("/orders", uuid), dedup_id("/payments", uuid));
  EXPECT_EQ(dedup_id("/orders", uuid),
            dedup_id("/orders", "0190163D-8694-739b-aea5-966c26f8ad91"));
  // Wherever the one ends and the other begins.
  EXPECT_NE(dedup_id("/a b", "c"), dedup_id("/a", "b c"));
  EXPECT_NE(dedup_id("/a\nb", "c"), dedup_id("/a", "b\nc"));
  EXPECT_NE(dedup_id("1 /a", "2"), dedup_id("", "4 1 /a2"));
}

TEST(CloudEventTest, LongIdsAreToldApartByAllOfTheirBytes) {
  InboundMessage one;
  one.source = std::string(1000, '/');
  one.id = std::string(1000, 'x') + "1";
  InboundMessage two = one;
  two.id.back() = '2';
  EXPECT_NE(one.DedupId(), two.DedupId());
  EXPECT_LE(one.DedupId().size(), 200u);
}

}  // namespace
}  // namespace stele::testing
