#ifndef STELE_TESTING_BROKER_CONFORMANCE_H_
#define STELE_TESTING_BROKER_CONFORMANCE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/outbox/broker.h"
#include "stele/testing/status_matchers.h"

// The suite that holds a broker adapter to the contract of
// stele/outbox/broker.h. Include it in one source of a test program, and name
// the adapter:
//
//   STELE_INSTANTIATE_BROKER_CONFORMANCE(Mine, &MakeMyBrokerUnderTest);

namespace stele::testing {

// A broker of its own for each test, with the means to take it down.
class BrokerUnderTest {
 public:
  virtual ~BrokerUnderTest() = default;
  virtual Broker& broker() = 0;
  virtual void TakeDown() = 0;  // As rudely as it can: kill -9.
  virtual void BringUp() = 0;   // With what it had stored.
  // True: a message published twice is delivered once.
  virtual bool deduplicates() const = 0;
  // After which a message that was not settled comes again; a second or so.
  virtual absl::Duration ack_wait() const = 0;
  // A body that it refuses for good.
  virtual std::size_t too_large_bytes() const = 0;
  // Within which a call must have failed while the broker is down.
  virtual absl::Duration failure_bound() const { return absl::Seconds(15); }
};

using MakeBrokerUnderTest = std::unique_ptr<BrokerUnderTest> (*)();

class BrokerConformanceTest
    : public ::testing::TestWithParam<MakeBrokerUnderTest> {
 protected:
  static constexpr absl::Duration kPatience = absl::Seconds(30);

  void SetUp() override { under_test_ = GetParam()(); }

  Broker& broker() { return under_test_->broker(); }

  std::unique_ptr<BrokerPublisher> OpenPublisher() {
    auto opened = broker().OpenPublisher();
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  std::unique_ptr<BrokerConsumer> OpenConsumer(
      const std::vector<std::string>& topics,
      const std::string& group = "group") {
    auto opened = broker().OpenConsumer(topics, group);
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  static BrokerMessage Message(int n, const std::string& topic = "t.one",
                               const std::string& key = "key-1") {
    BrokerMessage message;
    message.id = absl::StrCat("id-", n);
    message.topic = topic;
    message.key = key;
    message.headers = {{"ce-id", message.id},
                       {"ce-partitionkey", key},
                       {"ce-type", "test.Happened"}};
    message.body = absl::StrCat("body of ", n);
    message.position = n;
    return message;
  }

  static std::vector<BrokerMessage> Messages(int first, int last,
                                             int keys = 1) {
    std::vector<BrokerMessage> messages;
    for (int n = first; n <= last; ++n)
      messages.push_back(Message(n, "t.one", absl::StrCat("key-", n % keys)));
    return messages;
  }

  // Fetches and acknowledges until `count` messages came or patience is over.
  static std::vector<BrokerMessage> Take(BrokerConsumer& consumer,
                                         std::size_t count) {
    std::vector<BrokerMessage> taken;
    const absl::Time deadline = absl::Now() + kPatience;
    while (taken.size() < count && absl::Now() < deadline) {
      auto fetched =
          consumer.Fetch(count - taken.size(), absl::Milliseconds(200));
      if (!fetched.ok()) continue;
      for (std::size_t i = 0; i < fetched->size(); ++i) {
        // What could not be acknowledged comes again and is dropped by its id.
        consumer.Settle(i, Disposition::kAck).IgnoreError();
        taken.push_back(std::move((*fetched)[i]));
      }
    }
    return taken;
  }

  // True iff nothing comes for a while.
  static bool IsDry(BrokerConsumer& consumer) {
    auto fetched = consumer.Fetch(1, absl::Milliseconds(200));
    return fetched.ok() && fetched->empty();
  }

  static std::vector<std::string> IdsOf(
      const std::vector<BrokerMessage>& messages) {
    std::vector<std::string> ids;
    for (const BrokerMessage& message : messages) ids.push_back(message.id);
    return ids;
  }

  // Without the second and later occurrences of an id.
  static std::vector<std::string> FirstIdsOf(
      const std::vector<BrokerMessage>& messages, const std::string& key) {
    std::vector<std::string> ids;
    std::map<std::string, int> seen;
    for (const BrokerMessage& message : messages)
      if (message.key == key && seen[message.id]++ == 0)
        ids.push_back(message.id);
    return ids;
  }

  std::unique_ptr<BrokerUnderTest> under_test_;
};

TEST_P(BrokerConformanceTest, DeliversWhatWasPublishedInOrder) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  const std::vector<BrokerMessage> sent = Messages(1, 300);

  const PublishResult result = publisher->Publish(sent);

  EXPECT_THAT(result.status, IsOk());
  EXPECT_EQ(result.acknowledged, sent.size());
  EXPECT_EQ(IdsOf(Take(*consumer, sent.size())), IdsOf(sent));
  EXPECT_TRUE(IsDry(*consumer));
}

TEST_P(BrokerConformanceTest, CarriesIdKeyTopicHeadersAndBytesUnchanged) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  BrokerMessage sent = Message(1, "t.one", "order-Größe 100 % \"x\"");
  sent.headers["ce-subject"] = sent.key;
  sent.headers["stele-note"] = "a,b: c\r\nd\te";
  sent.body = std::string("\0\xff\r\n\x01", 5);

  ASSERT_THAT(publisher->Publish({&sent, 1}).status, IsOk());
  const std::vector<BrokerMessage> got = Take(*consumer, 1);

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].id, sent.id);
  EXPECT_EQ(got[0].key, sent.key);
  EXPECT_EQ(got[0].topic, sent.topic);
  EXPECT_EQ(got[0].body, sent.body);
  for (const auto& [name, value] : sent.headers)
    EXPECT_THAT(got[0].headers,
                ::testing::Contains(::testing::Pair(name, value)));
}

TEST_P(BrokerConformanceTest, CarriesAnEmptyBody) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  BrokerMessage sent = Message(1);
  sent.body.clear();

  ASSERT_THAT(publisher->Publish({&sent, 1}).status, IsOk());
  const std::vector<BrokerMessage> got = Take(*consumer, 1);

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].body, "");
}

TEST_P(BrokerConformanceTest, AnEmptyBatchIsPublished) {
  const auto publisher = OpenPublisher();
  const PublishResult result = publisher->Publish({});
  EXPECT_THAT(result.status, IsOk());
  EXPECT_EQ(result.acknowledged, 0u);
}

TEST_P(BrokerConformanceTest, StopsAtAMessageThatIsRefusedForGood) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  std::vector<BrokerMessage> sent = Messages(1, 20, 4);
  sent[9].body.assign(under_test_->too_large_bytes(), 'x');  // Of key-2.

  const PublishResult result = publisher->Publish(sent);

  EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(result.acknowledged, 9u);
  // No successor of the refused message got through; its publisher goes on.
  const BrokerMessage after = Message(100, "t.one", "key-0");
  ASSERT_THAT(publisher->Publish({&after, 1}).status, IsOk());
  std::vector<BrokerMessage> got;
  while (got.empty() || got.back().id != after.id) {
    const std::vector<BrokerMessage> one = Take(*consumer, 1);
    ASSERT_EQ(one.size(), 1u);
    got.push_back(one[0]);
  }
  EXPECT_THAT(FirstIdsOf(got, "key-2"), ::testing::ElementsAre("id-2", "id-6"));
}

TEST_P(BrokerConformanceTest, RefusesTopicsAndGroupsThatCannotBe) {
  const auto publisher = OpenPublisher();
  for (const std::string topic :
       {"", "a b", "a..b", ".a", "a.", "a.*", "a.>", "a\r\nPUB x",
        "gr\xc3\xb6\xc3\x9f"
        "e"}) {
    const BrokerMessage message = Message(1, topic);
    const PublishResult result = publisher->Publish({&message, 1});
    EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kInvalidArgument))
        << topic;
    EXPECT_EQ(result.acknowledged, 0u);
    EXPECT_THAT(broker().OpenConsumer({topic}, "group").status(),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << topic;
  }
  for (const std::string group : {"", "a.b", "a b", "*", ">"})
    EXPECT_THAT(broker().OpenConsumer({"t.one"}, group).status(),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << group;
}

TEST_P(BrokerConformanceTest, AGroupBeginsWithWhatIsAlreadyThere) {
  const auto publisher = OpenPublisher();
  ASSERT_THAT(publisher->Publish(Messages(1, 3)).status, IsOk());
  const auto consumer = OpenConsumer({"t.one"});
  EXPECT_THAT(IdsOf(Take(*consumer, 3)),
              ::testing::ElementsAre("id-1", "id-2", "id-3"));
}

TEST_P(BrokerConformanceTest, EachGroupGetsAllMessages) {
  const auto publisher = OpenPublisher();
  const auto one = OpenConsumer({"t.one"}, "one");
  const auto two = OpenConsumer({"t.one"}, "two");
  ASSERT_THAT(publisher->Publish(Messages(1, 10)).status, IsOk());
  EXPECT_EQ(IdsOf(Take(*one, 10)), IdsOf(Messages(1, 10)));
  EXPECT_EQ(IdsOf(Take(*two, 10)), IdsOf(Messages(1, 10)));
}

TEST_P(BrokerConformanceTest, ConsumersOfOneGroupShareTheMessages) {
  const auto publisher = OpenPublisher();
  const auto one = OpenConsumer({"t.one"});
  const auto two = OpenConsumer({"t.one"});
  ASSERT_THAT(publisher->Publish(Messages(1, 10)).status, IsOk());

  std::vector<std::string> ids = IdsOf(Take(*one, 4));
  for (const std::string& id : IdsOf(Take(*two, 6))) ids.push_back(id);

  EXPECT_THAT(ids,
              ::testing::UnorderedElementsAreArray(IdsOf(Messages(1, 10))));
  EXPECT_TRUE(IsDry(*one));
  EXPECT_TRUE(IsDry(*two));
}

TEST_P(BrokerConformanceTest, ReadsSeveralTopics) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one", "t.two"});
  std::vector<BrokerMessage> sent;
  for (int n = 1; n <= 30; ++n)
    sent.push_back(Message(n, n % 3 == 0   ? "t.two"
                              : n % 3 == 1 ? "t.one"
                                           : "t.three"));
  ASSERT_THAT(publisher->Publish(sent).status, IsOk());

  const std::vector<BrokerMessage> got = Take(*consumer, 20);

  ASSERT_EQ(got.size(), 20u);
  for (const BrokerMessage& message : got) EXPECT_NE(message.topic, "t.three");
  EXPECT_TRUE(IsDry(*consumer));
}

TEST_P(BrokerConformanceTest, DeliversARetriedMessageAgainAfterItsDelay) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  ASSERT_THAT(publisher->Publish(Messages(1, 1)).status, IsOk());
  auto first = consumer->Fetch(1, kPatience);
  ASSERT_THAT(first, IsOk());
  ASSERT_EQ(first->size(), 1u);

  const absl::Time retried = absl::Now();
  ASSERT_THAT(consumer->Settle(0, Disposition::kRetry, absl::Milliseconds(300)),
              IsOk());
  const std::vector<BrokerMessage> again = Take(*consumer, 1);

  ASSERT_EQ(IdsOf(again), std::vector<std::string>{"id-1"});
  EXPECT_GE(absl::Now() - retried, absl::Milliseconds(290));
  EXPECT_TRUE(IsDry(*consumer));
}

TEST_P(BrokerConformanceTest, DeliversAgainWhatWasNeverSettled) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  ASSERT_THAT(publisher->Publish(Messages(1, 2)).status, IsOk());
  auto first = consumer->Fetch(2, kPatience);
  ASSERT_THAT(first, IsOk());
  ASSERT_GE(first->size(), 1u);

  // A broker under load may send one of them twice; nothing else comes.
  std::set<std::string> ids;
  for (int i = 0; i < 10 && ids.size() < 2; ++i) {
    for (const std::string& id : IdsOf(Take(*consumer, 1))) ids.insert(id);
  }
  EXPECT_THAT(ids, ::testing::ElementsAre("id-1", "id-2"));
  auto more = consumer->Fetch(2, absl::Milliseconds(200));
  ASSERT_THAT(more, IsOk());
  EXPECT_THAT(IdsOf(*more), ::testing::Each(::testing::AnyOf("id-1", "id-2")));
}

TEST_P(BrokerConformanceTest, ASuccessorGetsWhatWasLeftBeforeAnythingNew) {
  const auto publisher = OpenPublisher();
  ASSERT_THAT(publisher->Publish(Messages(1, 3)).status, IsOk());
  {
    const auto gone = OpenConsumer({"t.one"});
    auto fetched = gone->Fetch(2, kPatience);
    ASSERT_THAT(fetched, IsOk());
    ASSERT_GE(fetched->size(), 1u);
  }
  const auto successor = OpenConsumer({"t.one"});
  EXPECT_THAT(IdsOf(Take(*successor, 3)),
              ::testing::ElementsAre("id-1", "id-2", "id-3"));
}

TEST_P(BrokerConformanceTest, SettlingWhatWasNotFetchedIsAnError) {
  const auto consumer = OpenConsumer({"t.one"});
  EXPECT_THAT(consumer->Settle(0, Disposition::kAck),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(BrokerConformanceTest, PublishingAnIdAgainIsHarmless) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  ASSERT_THAT(publisher->Publish(Messages(1, 3)).status, IsOk());
  const PublishResult again = publisher->Publish(Messages(1, 4));
  EXPECT_THAT(again.status, IsOk());
  EXPECT_EQ(again.acknowledged, 4u);

  std::vector<BrokerMessage> got;
  while (FirstIdsOf(got, "key-0").size() < 4) {
    const std::vector<BrokerMessage> one = Take(*consumer, 1);
    ASSERT_EQ(one.size(), 1u);
    got.push_back(one[0]);
  }
  EXPECT_EQ(FirstIdsOf(got, "key-0"), IdsOf(Messages(1, 4)));
  if (under_test_->deduplicates()) {
    EXPECT_EQ(got.size(), 4u);
    EXPECT_TRUE(IsDry(*consumer));
  }
}

TEST_P(BrokerConformanceTest, OneIdOnTwoTopicsIsTwoMessages) {
  const auto publisher = OpenPublisher();
  const auto one = OpenConsumer({"t.one"}, "one");
  const auto two = OpenConsumer({"t.two"}, "two");

  const std::vector<BrokerMessage> sent = {Message(1, "t.one"),
                                           Message(1, "t.two")};
  ASSERT_THAT(publisher->Publish(sent).status, IsOk());

  EXPECT_THAT(IdsOf(Take(*one, 1)), ::testing::ElementsAre("id-1"));
  EXPECT_THAT(IdsOf(Take(*two, 1)), ::testing::ElementsAre("id-1"));
}

TEST_P(BrokerConformanceTest, OneIdFromTwoSourcesIsTwoMessages) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  const std::string shared(300, 's');  // Longer than any broker keeps whole.
  std::vector<BrokerMessage> sent;
  for (const std::string& source :
       {std::string("/a"), std::string("/b"), shared + "/a", shared + "/b"}) {
    sent.push_back(Message(1));
    sent.back().headers["ce-source"] = source;
  }
  ASSERT_THAT(publisher->Publish(sent).status, IsOk());

  const std::vector<BrokerMessage> got = Take(*consumer, sent.size());

  ASSERT_EQ(got.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i)
    EXPECT_EQ(got[i].headers.at("ce-source"), sent[i].headers.at("ce-source"));
}

TEST_P(BrokerConformanceTest, KeepsMessagesAndGroupsOverARestart) {
  auto publisher = OpenPublisher();
  auto consumer = OpenConsumer({"t.one"});
  ASSERT_THAT(publisher->Publish(Messages(1, 10)).status, IsOk());
  ASSERT_EQ(IdsOf(Take(*consumer, 4)), IdsOf(Messages(1, 4)));

  under_test_->TakeDown();
  under_test_->BringUp();

  // The same objects find their way back.
  PublishResult result = publisher->Publish(Messages(11, 12));
  for (int i = 0; i < 10 && !result.status.ok(); ++i)
    result = publisher->Publish(Messages(11, 12));
  EXPECT_THAT(result.status, IsOk());
  std::vector<BrokerMessage> got;
  while (got.empty() || got.back().id != "id-12") {
    const std::vector<BrokerMessage> one = Take(*consumer, 1);
    ASSERT_EQ(one.size(), 1u);
    got.push_back(one[0]);
  }
  // Acknowledgements may be forgotten by a crash, messages never.
  const std::vector<std::string> ids = FirstIdsOf(got, "key-0");
  const std::vector<std::string> all = IdsOf(Messages(1, 12));
  ASSERT_GE(ids.size(), 8u);
  EXPECT_TRUE(std::equal(ids.rbegin(), ids.rend(), all.rbegin()));
}

TEST_P(BrokerConformanceTest, SaysWithinBoundsThatItIsDown) {
  const auto publisher = OpenPublisher();
  const auto consumer = OpenConsumer({"t.one"});
  under_test_->TakeDown();
  const absl::Time begin = absl::Now();

  const PublishResult result = publisher->Publish(Messages(1, 300, 7));
  const PublishResult again = publisher->Publish(Messages(1, 3));
  absl::Status fetched = consumer->Fetch(1, absl::Milliseconds(100)).status();
  if (fetched.ok())
    fetched = consumer->Fetch(1, absl::Milliseconds(100)).status();

  EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(result.acknowledged, 0u);
  EXPECT_THAT(again.status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(fetched, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(broker().OpenPublisher().status(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(broker().OpenConsumer({"t.one"}, "group").status(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_LT(absl::Now() - begin, under_test_->failure_bound());
}

TEST_P(BrokerConformanceTest, LosesNothingWhenItGoesDownAmidPublishing) {
  const auto publisher = OpenPublisher();
  std::atomic<int> outages = 0;
  std::thread saboteur([&] {
    while (outages < 3) {
      under_test_->TakeDown();
      under_test_->BringUp();
      ++outages;
    }
  });
  // Goes on publishing until the saboteur is through, and a while longer.
  std::vector<BrokerMessage> sent;
  std::size_t done = 0;
  const absl::Time deadline = absl::Now() + kPatience;
  while ((outages < 3 || done < sent.size()) && absl::Now() < deadline) {
    if (sent.size() < 20'000 && sent.size() < done + 300)
      for (const BrokerMessage& message :
           Messages(static_cast<int>(sent.size()) + 1,
                    static_cast<int>(sent.size()) + 300, 10))
        sent.push_back(message);
    const std::size_t count = std::min<std::size_t>(300, sent.size() - done);
    done += publisher->Publish({sent.data() + done, count}).acknowledged;
  }
  saboteur.join();
  ASSERT_EQ(done, sent.size());

  const auto consumer = OpenConsumer({"t.one"}, "after");
  std::map<std::string, std::vector<BrokerMessage>> by_key;
  std::size_t distinct = 0;
  std::map<std::string, int> seen;
  while (distinct < sent.size()) {
    const std::vector<BrokerMessage> some =
        Take(*consumer, std::min<std::size_t>(100, sent.size() - distinct));
    ASSERT_FALSE(some.empty()) << "after " << distinct;
    for (const BrokerMessage& message : some) {
      by_key[message.key].push_back(message);
      if (seen[message.id]++ == 0) ++distinct;
    }
  }
  for (const auto& [key, messages] : by_key)
    EXPECT_EQ(FirstIdsOf(messages, key), FirstIdsOf(sent, key));
}

}  // namespace stele::testing

// Holds the brokers that `make`, a MakeBrokerUnderTest, makes to the suite. To
// be used in the global namespace.
#define STELE_INSTANTIATE_BROKER_CONFORMANCE(prefix, make) \
  namespace stele::testing {                               \
  INSTANTIATE_TEST_SUITE_P(prefix, BrokerConformanceTest,  \
                           ::testing::Values(make));       \
  }                                                        \
  static_assert(true, "wants a semicolon")

#endif  // STELE_TESTING_BROKER_CONFORMANCE_H_
