#include "stele/base/uuid.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/clock.h"
#include "stele/testing/sequential_ids.h"

namespace stele {
namespace {

constexpr char kText[] = "0190163d-8694-739b-aea5-966c26f8ad91";

TEST(UuidTest, TextAndBytesComeBack) {
  const std::optional<Uuid> id = Uuid::Parse(kText);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->ToString(), kText);
  EXPECT_EQ(Uuid::FromBytes(id->AsBytes()), id);
  EXPECT_EQ(Uuid::Parse("0190163D-8694-739B-AEA5-966C26F8AD91"), id);
}

TEST(UuidTest, OtherTextIsRefused) {
  for (const char* text : {"", "0190163d", "0190163d8694739baea5966c26f8ad91",
                           "0190163d-8694-739b-aea5-966c26f8ad9",
                           "0190163d-8694-739b-aea5-966c26f8ad911",
                           "0190163d-8694-739b-aea5_966c26f8ad91",
                           "g190163d-8694-739b-aea5-966c26f8ad91",
                           "{190163d-8694-739b-aea5-966c26f8ad91"}) {
    EXPECT_FALSE(Uuid::Parse(text).has_value()) << text;
  }
  EXPECT_FALSE(Uuid::FromBytes("fifteen bytes..").has_value());
}

TEST(UuidTest, TheDefaultIsNilAndTheLeast) {
  EXPECT_TRUE(Uuid().is_nil());
  EXPECT_LT(Uuid(), *Uuid::Parse(kText));
  EXPECT_EQ(Uuid().ToString(), "00000000-0000-0000-0000-000000000000");
}

// The example of RFC 9562, appendix A.4: DNS name space, "www.example.com".
TEST(UuidTest, NamesGiveTheIdsOfTheStandard) {
  const Uuid dns = *Uuid::Parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(Uuid::FromName(dns, "www.example.com").ToString(),
            "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  EXPECT_NE(Uuid::FromName(dns, "a"), Uuid::FromName(Uuid(), "a"));
}

TEST(RandomIdsTest, AreVersion7OfNow) {
  const absl::Time before = absl::Now() - absl::Milliseconds(1);
  const Uuid id = RandomIds().Next();
  const std::string text = id.ToString();
  EXPECT_EQ(text[14], '7');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
  std::int64_t millis = 0;
  for (int i = 0; i < 6; ++i) millis = millis * 256 + id.bytes()[i];
  EXPECT_GE(absl::FromUnixMillis(millis), before);
}

TEST(RandomIdsTest, SortAsMade) {
  Uuid last;
  for (int i = 0; i < 100'000; ++i) {
    const Uuid next = RandomIds().Next();
    ASSERT_LT(last, next);
    last = next;
  }
}

TEST(RandomIdsTest, NoTwoThreadsGetTheSame) {
  std::vector<std::vector<Uuid>> made(4);
  std::vector<std::thread> threads;
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < 5'000; ++i) ids.push_back(RandomIds().Next());
    });
  }
  for (auto& thread : threads) thread.join();
  absl::flat_hash_set<Uuid> all;
  for (const auto& ids : made) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), 20'000u);
}

TEST(SequentialIdsTest, CountFromOne) {
  testing::SequentialIds ids;
  EXPECT_EQ(ids.Next().ToString(), "00000000-0000-7000-8000-000000000001");
  EXPECT_EQ(ids.Next(), testing::SequentialId(2));
}

}  // namespace
}  // namespace stele
