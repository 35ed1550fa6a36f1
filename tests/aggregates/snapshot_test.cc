// Snapshots: written now and then, used when they fit, never trusted.

#include "dispatcher_fixture.h"

namespace stele {
namespace {

using till::MakePayIn;

// Folds as before but counts as another way of folding.
struct NewFoldDecider : till::TillDecider {
  static constexpr int kFoldVersion = 1;
};

class SnapshotTest : public DispatcherTest {
 protected:
  // A till with `events` events, 1 cent paid in by each but the first.
  void Fill(const std::string& till_id, int events) {
    Open(till_id);
    for (int i = 1; i < events; ++i) {
      ASSERT_THAT(Dispatch(MakePayIn(till_id, 1)), IsOk());
    }
  }
  Snapshot Saved(const std::string& till_id) {
    const auto snapshot = store_.inner().LoadSnapshot("till-" + till_id);
    EXPECT_THAT(snapshot, IsOk());
    return snapshot.ok() && snapshot->has_value() ? **snapshot : Snapshot{};
  }
  // A snapshot that is newer than the last one, and wrong.
  void SaveWrong(const std::string& till_id, std::int64_t version,
                 const std::string& fingerprint, const std::string& state) {
    ASSERT_THAT(store_.inner().SaveSnapshot({.stream_id = "till-" + till_id,
                                             .version = version,
                                             .fingerprint = fingerprint,
                                             .state = state}),
                IsOk());
  }
  static std::string Fingerprint() {
    return MakeAggregateType<till::TillDecider>().fingerprint();
  }
  static std::string Rich() {
    till::Till rich;
    rich.set_is_open(true);
    rich.set_cents(1'000'000);
    return rich.SerializeAsString();
  }
};

STELE_ON_ALL_STORES(SnapshotTest);

TEST_P(SnapshotTest, IsSavedEverySoManyEvents) {
  Fill("a", 4);
  EXPECT_EQ(store_.snapshot_saves, 0);
  ASSERT_THAT(Dispatch(MakePayIn("a", 1, "fifth")), IsOk());
  EXPECT_EQ(store_.snapshot_saves, 1);
  const Snapshot saved = Saved("a");
  EXPECT_EQ(saved.version, 5);
  EXPECT_EQ(saved.fingerprint, Fingerprint());
  till::Till state;
  ASSERT_TRUE(state.ParseFromString(saved.state));
  EXPECT_EQ(state.cents(), 4);
  EXPECT_EQ(state.last_note(), "fifth");
  for (int i = 0; i < 5; ++i) ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(store_.snapshot_saves, 2);
  EXPECT_EQ(Saved("a").version, 10);
}

TEST_P(SnapshotTest, SavesReadingTheEventsBeforeIt) {
  Fill("a", 12);
  store_.events_read = 0;
  store_.reads = 0;
  ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(store_.reads, 1);
  EXPECT_EQ(store_.events_read, 3);  // The one it ends with, and two more.
  EXPECT_EQ(Load("a").state.cents(), 12);
}

TEST_P(SnapshotTest, StateIsTheSameWithAndWithout) {
  Fill("a", 23);
  const auto with = Load("a");
  SaveWrong("a", 23, "none", "");
  const auto without = Load("a");
  EXPECT_EQ(with.version, without.version);
  EXPECT_EQ(with.state.SerializeAsString(), without.state.SerializeAsString());
}

TEST_P(SnapshotTest, OfAnotherFingerprintIsIgnoredAndRewritten) {
  Fill("a", 5);
  SaveWrong("a", 5, "another", Rich());
  EXPECT_EQ(Load("a").state.cents(), 4);
  ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(Saved("a").version, 6);
  EXPECT_EQ(Saved("a").fingerprint, Fingerprint());
  EXPECT_EQ(Load("a").state.cents(), 5);
}

TEST_P(SnapshotTest, OfAnotherFoldVersionIsIgnored) {
  Fill("a", 6);
  SaveWrong("a", 6, Fingerprint(), Rich());
  EXPECT_EQ(Load("a").state.cents(), 1'000'000);
  const auto loaded = LoadAggregate<NewFoldDecider>(store_, "a");
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->state.cents(), 5);
}

TEST_P(SnapshotTest, WithCorruptBytesIsIgnoredAndRewritten) {
  Fill("a", 5);
  SaveWrong("a", 5, Fingerprint(), "\xFF\xFF");
  EXPECT_EQ(Load("a").state.cents(), 4);
  ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(Saved("a").version, 6);
  store_.events_read = 0;
  ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(store_.events_read, 1);
  EXPECT_EQ(Load("a").state.cents(), 6);
}

// As after a restore that kept the snapshot and lost the events.
TEST_P(SnapshotTest, AheadOfItsStreamIsIgnored) {
  Fill("a", 3);
  store_.snapshot_loaded = Snapshot{.stream_id = "till-a",
                                    .version = 9,
                                    .fingerprint = Fingerprint(),
                                    .state = Rich()};
  EXPECT_EQ(Load("a").version, 3);
  EXPECT_THAT(Dispatch(till::MakePayOut("a", 1000)),
              RejectedFor("insufficient_funds"));
  const auto receipt = Dispatch(MakePayIn("a", 1));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->version, 4);
}

TEST_P(SnapshotTest, ThatCannotBeReadIsIgnored) {
  Fill("a", 6);
  store_.snapshot_load_error = absl::DataLossError("rotten");
  EXPECT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(Load("a").state.cents(), 6);
}

TEST_P(SnapshotTest, StoreThatIsAwayIsAnError) {
  Fill("a", 6);
  store_.snapshot_load_error = absl::UnavailableError("gone");
  EXPECT_THAT(Dispatch(MakePayIn("a", 1)),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(SnapshotTest, ThatCannotBeSavedHarmsNothing) {
  store_.snapshot_save_error = absl::UnavailableError("gone");
  Fill("a", 6);
  EXPECT_EQ(store_.snapshot_saves, 2);
  store_.snapshot_save_error = absl::OkStatus();
  ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_EQ(Saved("a").version, 7);
}

TEST_P(SnapshotTest, RepeatedCommandSavesNone) {
  Fill("a", 4);
  const DispatchOptions again = {.command_id = SequentialId(500)};
  ASSERT_THAT(Dispatch(MakePayIn("a", 1), again), IsOk());
  const int saves = store_.snapshot_saves;
  ASSERT_THAT(Dispatch(MakePayIn("a", 1), again), IsOk());
  EXPECT_EQ(store_.snapshot_saves, saves);
}

}  // namespace
}  // namespace stele
