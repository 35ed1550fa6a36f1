// The judge of the torture test, judged itself: it must see every kind of
// breach, or its silence means nothing.
#include "tests/chaos/history.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stele::chaos {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct History {
  Writings writings;
  std::vector<Fact> stored;
  std::vector<Fact> seen;

  std::vector<std::string> Breaches() const {
    return FindBreaches(writings, stored, seen);
  }
};

// Three appends that went well, the last with its answer lost.
History Sound() {
  History history;
  history.stored = {
      {"e1", "s-a", 1, 1}, {"e2", "s-b", 1, 3}, {"e3", "s-a", 2, 4}};
  history.seen = history.stored;
  for (const Fact& fact : history.stored) {
    history.writings.intended[fact.event] = 1;
  }
  history.writings.intended["e4"] = 1;
  history.writings.refused["e4"] = 1;
  history.writings.acknowledged["e1"] = history.stored[0];
  history.writings.acknowledged["e2"] = history.stored[1];
  return history;
}

TEST(HistoryTest, ASoundHistoryHasNoBreach) {
  EXPECT_THAT(Sound().Breaches(), IsEmpty());
}

TEST(HistoryTest, SeesWhatASubscriberMissed) {
  History history = Sound();
  history.seen.erase(history.seen.begin() + 1);
  EXPECT_THAT(history.Breaches(), Contains(HasSubstr("never seen: e2")));
}

TEST(HistoryTest, SeesRepetitionAndDisorder) {
  History history = Sound();
  history.seen.push_back(history.seen[1]);
  EXPECT_THAT(history.Breaches(), Contains(HasSubstr("out of order or twice")));
  history = Sound();
  std::swap(history.seen[1], history.seen[2]);
  EXPECT_THAT(history.Breaches(), Contains(HasSubstr("out of order or twice")));
}

TEST(HistoryTest, SeesALostAcknowledgedAppend) {
  History history = Sound();
  history.stored.erase(history.stored.begin());
  history.seen = history.stored;
  EXPECT_THAT(history.Breaches(),
              Contains(HasSubstr("acknowledged but not stored: e1")));
}

TEST(HistoryTest, SeesARefusedAppendThatIsThere) {
  History history = Sound();
  history.stored.push_back({"e4", "s-c", 1, 9});
  history.seen = history.stored;
  EXPECT_THAT(history.Breaches(),
              Contains(HasSubstr("refused but stored: e4")));
}

TEST(HistoryTest, SeesTwoWinnersOfOneVersion) {
  History history = Sound();
  history.stored[2].version = 1;
  EXPECT_THAT(history.Breaches(), Contains(HasSubstr("version gap")));
}

TEST(HistoryTest, SeesAnswersThatDoNotMatchTheStore) {
  History history = Sound();
  history.writings.acknowledged["e1"].position = 2;
  EXPECT_THAT(history.Breaches(), Contains(HasSubstr("but stored as e1")));
}

TEST(HistoryTest, AJournalSurvivesAnUnfinishedLine) {
  const std::string path = ::testing::TempDir() + "stele_journal_test";
  std::ofstream(path) << "S e1 s-a 1 1 5\nS e2 s-a 2";
  {
    Journal journal(path);
    journal.Write("S e3 s-a 2 2 7");
  }
  const auto seen = ReadSeen(path);
  ASSERT_TRUE(seen.ok());
  ASSERT_EQ(seen->size(), 2u);
  EXPECT_EQ((*seen)[1].event, "e3");
  EXPECT_EQ((*seen)[1].delay_micros, 7);
}

}  // namespace
}  // namespace stele::chaos
