#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "absl/strings/str_cat.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/transaction.h"
#include "tests/eventstore/postgres_fixture.h"

// A stream that another session holds delays those who append to it, and nobody
// else: an operator's SELECT ... FOR UPDATE, a transaction left open, a stream
// that somebody is just creating.
namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Of all instruments, keeps what the gauges show. Thread-safe.
class Gauges final : public Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view help,
                      const MetricLabels& labels) override {
    return NoMetrics().GetCounter(name, help, labels);
  }
  Gauge& GetGauge(std::string_view name, std::string_view,
                  const MetricLabels&) override {
    const std::lock_guard lock(mutex_);
    return gauges_[std::string(name)];
  }
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          const MetricLabels& labels) override {
    return NoMetrics().GetHistogram(name, help, labels);
  }

  double ValueOf(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return gauges_[name].value.load();
  }

 private:
  struct Value final : Gauge {
    void Set(double now) override { value = now; }
    std::atomic<double> value{0};
  };
  std::mutex mutex_;
  std::map<std::string, Value> gauges_;
};

class PostgresHeldStreamsTest : public PostgresStoreTest {
 protected:
  PostgresEventStoreOptions Options() override {
    PostgresEventStoreOptions options{.dsn = Dsn(), .schema = schema()};
    options.metrics = &gauges_;
    return options;
  }

  void TearDown() override { CloseStore(); }  // It uses the gauges.

  // A session that holds the rows of streams until it goes.
  struct Holder {
    Holder(const std::string& dsn, const std::string& sql)
        : connection(dsn), tx(connection) {
      tx.exec(sql);
    }
    pqxx::connection connection;
    pqxx::work tx;
  };
  std::unique_ptr<Holder> Hold(const std::string& stream_id) {
    return std::make_unique<Holder>(
        Dsn(), Sql("SELECT FROM {s}.streams WHERE name = '" + stream_id +
                   "' FOR UPDATE"));
  }

  // The same with event types, as a list of SQL.
  std::unique_ptr<Holder> Registering(const std::string& types) {
    return std::make_unique<Holder>(
        Dsn(), Sql("SELECT {s}.intern_types(ARRAY[" + types + "])"));
  }

  static AppendRequest RequestOfType(const std::string& stream_id,
                                     const std::string& type) {
    AppendRequest request = Request(stream_id);
    request.events[0].type = type;
    return request;
  }

  // Waits until so many appends to a stream are known to wait for it.
  void AwaitParked(int appends) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (gauges_.ValueOf("stele_append_parked") != appends) {
      ASSERT_LT(absl::Now(), deadline)
          << gauges_.ValueOf("stele_append_parked") << " are parked";
      std::this_thread::yield();
    }
  }

  // An append under way on a thread of its own.
  class Appending {
   public:
    Appending(EventStore& store, std::vector<AppendRequest> requests)
        : requests_(std::move(requests)), thread_([this, &store] {
            results_ = store.AppendAll(requests_);
            is_over_ = true;
          }) {}
    ~Appending() { Join(); }
    bool is_over() const { return is_over_; }
    const absl::StatusOr<std::vector<AppendResult>>& Join() {
      if (thread_.joinable()) thread_.join();
      return results_;
    }

   private:
    std::vector<AppendRequest> requests_;
    absl::StatusOr<std::vector<AppendResult>> results_;
    std::atomic<bool> is_over_{false};
    std::thread thread_;
  };
  std::unique_ptr<Appending> Begin(EventStore& of,
                                   std::vector<AppendRequest> requests) {
    return std::make_unique<Appending>(of, std::move(requests));
  }

  std::unique_ptr<Appending> BeginWithType(const std::string& stream_id,
                                           const std::string& type) {
    return Begin(store(), {RequestOfType(stream_id, type)});
  }

  // Many append to streams of their own. Returns the longest that one took.
  absl::Duration LetOthersAppend(int callers, int appends_each) {
    std::mutex mutex;
    absl::Duration longest;
    std::vector<std::thread> others;
    for (int i = 0; i < callers; ++i) {
      others.emplace_back([&, i] {
        for (int n = 0; n < appends_each; ++n) {
          const absl::Time start = absl::Now();
          ASSERT_THAT(store().Append(Request(absl::StrCat("s-other", i),
                                             ExpectedVersion::Exactly(n))),
                      IsOk());
          const absl::Duration took = absl::Now() - start;
          const std::lock_guard lock(mutex);
          longest = std::max(longest, took);
        }
      });
    }
    for (std::thread& other : others) other.join();
    return longest;
  }

  // No event twice, and versions without gaps.
  void ExpectSoundLog(std::size_t events) {
    std::set<std::string> ids;
    std::map<std::string, std::int64_t> versions;
    std::size_t seen = 0;
    ASSERT_THAT(store().ReadLog({.limit = 1'000'000},
                                [&](const RecordedEvent& event) {
                                  ids.insert(event.id.ToString());
                                  EXPECT_EQ(event.version,
                                            ++versions[event.stream_id]);
                                  ++seen;
                                  return absl::OkStatus();
                                }),
                IsOk());
    EXPECT_EQ(seen, events);
    EXPECT_EQ(ids.size(), events);
  }

  Gauges gauges_;
};

TEST_F(PostgresHeldStreamsTest, ManyHeldStreamsDelayNobodyElse) {
  constexpr int kHeld = 8, kCallers = 64, kAppendsEach = 10;
  std::vector<std::unique_ptr<Holder>> holders;
  for (int i = 0; i < kHeld; ++i) {
    Append(absl::StrCat("s-held", i));
    holders.push_back(Hold(absl::StrCat("s-held", i)));
  }
  auto creating = BeginAppend("s-new");
  std::vector<std::unique_ptr<Appending>> waiting;
  for (int i = 0; i < kHeld; ++i) {
    waiting.push_back(
        Begin(store(), {Request(absl::StrCat("s-held", i),
                                i % 2 == 0 ? ExpectedVersion::Exactly(1)
                                           : ExpectedVersion::Any())}));
  }
  waiting.push_back(Begin(store(), {Request("s-new")}));
  AwaitParked(kHeld + 1);

  // Far less than the 30 s after which the server would end a statement.
  EXPECT_LT(LetOthersAppend(kCallers, kAppendsEach), absl::Seconds(5));
  for (const auto& one : waiting) EXPECT_FALSE(one->is_over());

  holders.clear();
  creating->Commit();
  for (int i = 0; i < kHeld; ++i) {
    const auto& results = waiting[static_cast<std::size_t>(i)]->Join();
    ASSERT_THAT(results, IsOk());
    EXPECT_EQ(results->front().version, 2);
  }
  const auto& created = waiting.back()->Join();
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->front().version, 2);
  ExpectSoundLog(kHeld * 2 + 2 + kCallers * kAppendsEach);
  AwaitParked(0);
}

// The group that meets them has to find out which of its streams they are.
TEST_F(PostgresHeldStreamsTest, StreamsBeingCreatedDelayNobodyElse) {
  constexpr int kCreating = 8, kCallers = 16, kRounds = 5;
  std::vector<std::unique_ptr<InFlightAppend>> creating;
  for (int i = 0; i < kCreating; ++i) {
    creating.push_back(BeginAppend(absl::StrCat("s-new", i)));
  }
  std::vector<std::unique_ptr<Appending>> waiting;
  for (int i = 0; i < kCreating; ++i) {
    waiting.push_back(Begin(store(), {Request(absl::StrCat("s-new", i),
                                              ExpectedVersion::NoStream())}));
  }
  std::vector<std::thread> others;
  for (int i = 0; i < kCallers; ++i) {
    others.emplace_back([&, i] {
      for (int n = 0; n < kRounds; ++n) {
        ASSERT_THAT(store().Append(Request(absl::StrCat("s-mine", i, "-", n),
                                           ExpectedVersion::NoStream())),
                    IsOk());
      }
    });
  }
  for (std::thread& other : others) other.join();
  for (const auto& one : waiting) EXPECT_FALSE(one->is_over());
  // Half of them come to be, half never were.
  for (int i = 0; i < kCreating; ++i) {
    auto& one = creating[static_cast<std::size_t>(i)];
    i % 2 == 0 ? one->Commit() : one->Rollback();
  }
  for (int i = 0; i < kCreating; ++i) {
    const auto& results = waiting[static_cast<std::size_t>(i)]->Join();
    if (i % 2 == 0) {
      EXPECT_TRUE(GetVersionConflict(results.status())) << results.status();
    } else {
      EXPECT_THAT(results, IsOk());
    }
  }
  ExpectSoundLog(kCreating + kCallers * kRounds);
}

TEST_F(PostgresHeldStreamsTest, WhoWaitsTooLongIsToldForWhat) {
  Append("s-1");
  PostgresEventStoreOptions options = Options();
  options.call_timeout = absl::Milliseconds(300);
  auto hasty = Open(options);
  const AppendRequest request = Request("s-1", ExpectedVersion::Exactly(1));
  const AppendRequest creation = Request("s-2", ExpectedVersion::NoStream());
  {
    auto holder = Hold("s-1");
    auto creating = BeginAppend("s-2");
    auto first = Begin(*hasty, {request});
    auto second = Begin(*hasty, {creation});
    EXPECT_THAT(first->Join(),
                StatusIs(absl::StatusCode::kDeadlineExceeded,
                         AllOf(HasSubstr("\"s-1\""), HasSubstr("session"),
                               HasSubstr("nothing was written"))));
    EXPECT_THAT(second->Join(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                         HasSubstr("\"s-2\"")));
    creating->Rollback();
  }
  EXPECT_EQ(store().GetStream("s-1")->version, 1);
  EXPECT_EQ(store().GetStream("s-2")->version, 0);
  EXPECT_THAT(hasty->Append(request), IsOk());
  EXPECT_THAT(hasty->Append(creation), IsOk());
  ExpectSoundLog(3);
}

TEST_F(PostgresHeldStreamsTest, SeveralStreamsAreAppendedTogetherOrNotYet) {
  Append("s-a");
  Append("s-z");
  auto holder = Hold("s-z");
  auto waiting = Begin(store(), {Request("s-z"), Request("s-a"),
                                 Request("s-m", ExpectedVersion::NoStream())});
  AwaitParked(3);
  // Nobody holds this one, and nobody waits for it.
  EXPECT_THAT(store().Append(Request("s-a", ExpectedVersion::Exactly(1))),
              IsOk());
  EXPECT_EQ(store().GetStream("s-a")->version, 2);
  EXPECT_EQ(store().GetStream("s-m")->version, 0);
  EXPECT_FALSE(waiting->is_over());
  holder.reset();
  const auto& results = waiting->Join();
  ASSERT_THAT(results, IsOk());
  EXPECT_EQ((*results)[0].version, 2);
  EXPECT_EQ((*results)[1].version, 3);
  EXPECT_EQ((*results)[2].version, 1);
  ExpectSoundLog(6);
}

TEST_F(PostgresHeldStreamsTest, WhoWaitsForOneStreamKeepsTheOrder) {
  constexpr int kWaiting = 6;
  Append("s-1");
  auto holder = Hold("s-1");
  std::vector<std::unique_ptr<Appending>> waiting;
  for (int i = 0; i < kWaiting; ++i) {
    waiting.push_back(Begin(store(), {Request("s-1")}));
    AwaitParked(i + 1);
  }
  holder.reset();
  for (int i = 0; i < kWaiting; ++i) {
    const auto& results = waiting[static_cast<std::size_t>(i)]->Join();
    ASSERT_THAT(results, IsOk());
    EXPECT_EQ(results->front().version, i + 2);
  }
}

TEST_F(PostgresHeldStreamsTest, AStoreThatClosesWaitsForNobody) {
  Append("s-1");
  auto holder = Hold("s-1");
  auto closing = Open();
  auto waiting = Begin(*closing, {Request("s-1")});
  AwaitParked(1);
  closing.reset();
  EXPECT_THAT(waiting->Join(), StatusIs(absl::StatusCode::kCancelled));
  holder.reset();
  EXPECT_EQ(store().GetStream("s-1")->version, 1);
}

// Its statements may take as long as its session allows, as the user's own.
TEST_F(PostgresHeldStreamsTest, ATransactionWaitsForTheStream) {
  Append("s-1");
  auto holder = Hold("s-1");
  absl::Status status;
  std::thread transacting([&] {
    status = store().Transact([&](Transaction& tx) {
      const std::vector<AppendRequest> requests = {Request("s-1")};
      return tx.AppendAll(requests).status();
    });
  });
  AwaitRow(
      "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
      "query LIKE '%{s}%append_check%'");
  holder.reset();
  transacting.join();
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(store().GetStream("s-1")->version, 2);
}

// Two processes that append to one stream all the time both get their turn.
TEST_F(PostgresHeldStreamsTest, ABusyStreamIsSharedBetweenStores) {
  auto other = Open();
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      EventStore& mine = t % 2 == 0 ? store() : *other;
      for (int n = 0; n < 50; ++n) {
        ASSERT_THAT(mine.Append(Request("s-busy")), IsOk());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  ExpectSoundLog(200);
}

// ---- Names that another session is registering ------------------------------

TEST_F(PostgresHeldStreamsTest, NamesBeingRegisteredDelayNobodyElse) {
  constexpr int kWaiting = 4, kCallers = 16, kAppendsEach = 10;
  Append("s-known");
  auto registering = Registering("'test.New', 'test.Newer'");
  auto waiting = BeginWithType("s-new", "test.New");
  AwaitParked(1);
  std::vector<std::unique_ptr<Appending>> more;
  for (int i = 0; i < kWaiting; ++i) {
    more.push_back(BeginWithType(absl::StrCat("s-more", i), "test.Newer"));
  }
  AwaitParked(1 + kWaiting);
  EXPECT_LT(LetOthersAppend(kCallers, kAppendsEach), absl::Seconds(5));
  // A new name that nobody else registers, and a stream of one who waits.
  EXPECT_THAT(BeginWithType("s-free", "test.Free")->Join(), IsOk());
  EXPECT_THAT(store().Append(Request("s-new", ExpectedVersion::NoStream())),
              IsOk());
  EXPECT_FALSE(waiting->is_over());
  registering.reset();
  const auto& results = waiting->Join();
  ASSERT_THAT(results, IsOk());
  EXPECT_EQ(results->front().version, 2);
  for (const auto& one : more) EXPECT_THAT(one->Join(), IsOk());
  AwaitParked(0);
  ExpectSoundLog(1 + 1 + kWaiting + kCallers * kAppendsEach + 2);
}

TEST_F(PostgresHeldStreamsTest, WhoWaitsTooLongForANameIsTold) {
  PostgresEventStoreOptions options = Options();
  options.call_timeout = absl::Milliseconds(500);
  auto hasty = Open(options);
  auto registering = Registering("'test.New'");
  std::vector<AppendRequest> requests = {RequestOfType("s-1", "test.New")};
  const auto is_told =
      StatusIs(absl::StatusCode::kDeadlineExceeded,
               AllOf(HasSubstr("\"test.New\""), HasSubstr("session"),
                     HasSubstr("nothing was written")));
  EXPECT_THAT(hasty->AppendAll(requests), is_told);
  EXPECT_THAT(hasty->Transact([&](Transaction& tx) {
    return tx.AppendAll(requests).status();
  }),
              is_told);
  registering.reset();
  EXPECT_THAT(hasty->AppendAll(requests), IsOk());
  ExpectSoundLog(1);
}

TEST_F(PostgresHeldStreamsTest, ATransactionWaitsForANameAlone) {
  auto registering = Registering("'test.New'");
  const auto transact = [&](const std::string& stream_id,
                            const std::string& type) {
    return store().Transact([&](Transaction& tx) {
      const std::vector<AppendRequest> requests = {
          RequestOfType(stream_id, type)};
      return tx.AppendAll(requests).status();
    });
  };
  absl::Status status;
  std::thread waiting([&] { status = transact("s-1", "test.New"); });
  AwaitRow(
      "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
      "query LIKE '%{s}%intern_types%'");
  EXPECT_THAT(transact("s-2", "test.Free"), IsOk());
  registering.reset();
  waiting.join();
  EXPECT_THAT(status, IsOk());
  ExpectSoundLog(2);
}

// The transaction that guards a type may be open for long.
TEST_F(PostgresHeldStreamsTest, AGuardBeingRaisedDelaysNobody) {
  const std::string guard =
      Sql("SELECT {s}.guard_inline('orders', ARRAY['test.New'])");
  EXPECT_THROW(Holder(Dsn(), guard), pqxx::sql_error) << "has no number yet";
  Registering("'test.New'")->tx.commit();
  auto guarding = std::make_unique<Holder>(Dsn(), guard);
  EXPECT_THAT(BeginWithType("s-1", "test.New")->Join(), IsOk());
  guarding->tx.commit();
  EXPECT_THAT(
      BeginWithType("s-1", "test.New")->Join(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("orders")));
  ExpectSoundLog(1);
}

}  // namespace
}  // namespace stele::testing
