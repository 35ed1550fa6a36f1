#include "eventstore/src/postgres/names.h"

#include "tests/eventstore/postgres_fixture.h"

// Names are kept in mind, but never relied on to be kept.
namespace stele::testing {
namespace {

using postgres_store::Names;

TEST(NamesTest, RemembersBothWays) {
  Names<std::int32_t> names(10);
  EXPECT_EQ(names.IdOf("a"), std::nullopt);
  names.Add(7, "a");
  EXPECT_EQ(names.IdOf("a"), 7);
  EXPECT_EQ(names.NameOf(7), "a");
}

TEST(NamesTest, KeepsTheLatestAndIsBounded) {
  Names<std::int32_t> names(10);
  for (int i = 1; i <= 1000; ++i) {
    names.Add(i, std::to_string(i));
    for (int back = 0; back < std::min(i, 10); ++back) {
      ASSERT_TRUE(names.NameOf(i - back).has_value()) << i << " " << back;
    }
  }
  int kept = 0;
  for (int i = 1; i <= 1000; ++i) kept += names.NameOf(i).has_value() ? 1 : 0;
  EXPECT_LE(kept, 20);
}

class PostgresNamesTest : public PostgresStoreTest {};

// More streams and types than are kept in mind.
TEST_F(PostgresNamesTest, MoreNamesThanAreKeptAreReadAndWritten) {
  constexpr int kAppends = 110;
  constexpr int kStreams = 1000;
  for (int a = 0; a < kAppends; ++a) {
    std::vector<AppendRequest> requests;
    for (int i = 0; i < kStreams; ++i) {
      const std::string number = std::to_string(a * kStreams + i);
      requests.push_back(Request("s-" + number, ExpectedVersion::NoStream()));
      if (a < 45) requests.back().events[0].type = "test.Type" + number;
    }
    ASSERT_THAT(store().AppendAll(requests), IsOk());
  }
  std::int64_t count = 0;
  const auto progress =
      store().ReadLog({.limit = 1'000'000}, [&](const RecordedEvent& event) {
        EXPECT_EQ(event.stream_id, "s-" + std::to_string(count));
        EXPECT_EQ(event.type, count < 45'000
                                  ? "test.Type" + std::to_string(count)
                                  : "test.Happened");
        ++count;
        return absl::OkStatus();
      });
  EXPECT_THAT(progress, IsOk());
  EXPECT_EQ(count, kAppends * kStreams);
}

}  // namespace
}  // namespace stele::testing
