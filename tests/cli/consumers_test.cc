#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli_fixture.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/outbox/in_memory_broker.h"
#include "tests/model/bank_rules.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Balances that cannot take one amount until they are mended.
struct FragileBalances : bank::Balances {
  static inline std::atomic<bool> is_broken = true;

  using bank::Balances::Apply;
  static void Apply(bank::AccountBalance& row,
                    const Recorded<bank::Deposited>& e) {
    if (is_broken && e->amount_cents() == 666) throw std::runtime_error("ouch");
    bank::Balances::Apply(row, e);
  }
};

class ConsumersTest : public CliTest {
 protected:
  ConsumersTest() { Migrate(); }

  // Opens ada's account, whose second deposit is parked, and bob's.
  std::unique_ptr<Runtime> ParkAda() {
    FragileBalances::is_broken = true;
    auto service = StartService([](Runtime& runtime) {
      runtime.Add<bank::AccountDecider>().Add<FragileBalances>();
    });
    bank::AccountClient accounts(*service);
    EXPECT_THAT(accounts.OpenAccount({.account_id = "ada", .owner = "Ada"}),
                IsOk());
    for (const std::int64_t cents : {100, 666, 10}) {
      EXPECT_THAT(
          accounts.Deposit({.account_id = "ada", .amount_cents = cents}),
          IsOk());
    }
    const auto bob =
        accounts.OpenAccount({.account_id = "bob", .owner = "Bob"});
    EXPECT_THAT(service->WaitFor<bank::AccountBalance>(*bob, absl::Minutes(1)),
                IsOk());
    Await("a parked key with two events", [this] {
      const auto held =
          Query(absl::StrCat("SELECT count(*) FROM ", schema_, ".consumers"));
      const boost::json::value parked = Json({"parked", "list"}).Data();
      return parked.as_array().size() == 1 && At(parked, "/0/held") == 2;
    });
    return service;
  }

  std::string Consumer() {
    const boost::json::value data = Json({"consumers", "list"}).Data();
    return TextAt(data, "/consumers/0/name");
  }
  std::int64_t BalanceOf(Runtime& service, const std::string& id) {
    const auto row = service.Find<bank::AccountBalance>(id);
    return row.ok() ? row->balance_cents() : -1;
  }
};

TEST_F(ConsumersTest, ListsThoseOfAnEmptyStore) {
  const Answer text = Stele({"consumers", "list"});
  EXPECT_EQ(text.exit, 0);
  EXPECT_THAT(text.out, HasSubstr("head 0"));
  EXPECT_EQ(Stele({"parked", "list"}).exit, 0);
}

TEST_F(ConsumersTest, ListsProblemsAndWhoIsAtWork) {
  auto service = ParkAda();
  const Answer json = Json({"consumers", "list"});
  EXPECT_EQ(json.exit, 1);
  EXPECT_EQ(json.Json()["status"], "problem");
  EXPECT_EQ(At(json.Data(), "/consumers/0/parked_keys"), 1);
  EXPECT_THAT(TextAt(json.Data(), "/consumers/0/slots/0/owner"),
              HasSubstr("bank@"));
  const Answer text = Stele({"consumers", "list"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("projection/AccountBalance"),
                              HasSubstr("running")));
  ASSERT_THAT(service->Stop(), IsOk());
  EXPECT_THAT(Stele({"consumers", "list"}).out,
              HasSubstr("nobody works on it"));
}

TEST_F(ConsumersTest, AnOwnerWhoseLeaseHasExpiredIsNobody) {
  auto store = OpenStore();
  ConsumerStorage& consumers = store->consumers();
  const auto acquire = [&] {
    return consumers.Acquire("saga/Old", {"bank@host-1"}, absl::Hours(1));
  };
  ASSERT_THAT(consumers.Register("saga/Old", 2, 0), IsOk());
  ASSERT_THAT(acquire(), IsOk());
  Query(absl::StrCat("UPDATE ", schema_,
                     ".checkpoints SET lease_until = now() - interval '1 "
                     "minute'"));
  const Answer idle = Json({"consumers", "list"});
  EXPECT_EQ(idle.exit, 0) << "no event waits for it";
  EXPECT_EQ(At(idle.Data(), "/consumers/0/slots/0/owner"), "");
  EXPECT_THAT(Stele({"consumers", "list"}).out,
              HasSubstr("nobody works on it"));

  auto service = StartService(
      [](Runtime& runtime) { runtime.Add<bank::AccountDecider>(); });
  ASSERT_THAT(bank::AccountClient(*service).OpenAccount(
                  {.account_id = "ada", .owner = "Ada"}),
              IsOk());
  const Answer behind = Json({"consumers", "list"});
  EXPECT_EQ(behind.exit, 1);
  EXPECT_EQ(behind.Json()["status"], "problem");
  ASSERT_THAT(acquire(), IsOk());
  EXPECT_EQ(Stele({"consumers", "list"}).exit, 0) << "somebody is at it";
  ASSERT_THAT(consumers.Release("saga/Old", "bank@host-1"), IsOk());
  EXPECT_EQ(Stele({"consumers", "list"}).exit, 1);
  EXPECT_EQ(Stele({"consumers", "pause", "saga/Old"}).exit, 0);
  EXPECT_EQ(Stele({"consumers", "list"}).exit, 0) << "a pause is meant";
}

TEST_F(ConsumersTest, SaysWhoYieldsAndWhy) {
  auto store = OpenStore();
  ConsumerStorage& consumers = store->consumers();
  ASSERT_THAT(consumers.Register("relay/broker", 2, 0), IsOk());
  ASSERT_THAT(
      consumers.Acquire("relay/broker", {"new", {"x", "y"}}, absl::Hours(1)),
      IsOk());
  EXPECT_THAT(Stele({"consumers", "list"}).out, Not(HasSubstr("yields")));
  ASSERT_THAT(consumers.Acquire("relay/broker", {"old", {"x"}}, absl::Hours(1)),
              IsOk());
  const Answer text = Stele({"consumers", "list"});
  EXPECT_EQ(text.exit, 0) << "as in every deploy";
  EXPECT_THAT(text.out,
              HasSubstr("relay/broker: old yields: another process (new) "
                        "handles event types that this one does not know: y"));
  const boost::json::value data = Json({"consumers", "list"}).Data();
  EXPECT_EQ(TextAt(data, "/consumers/0/owners/0/why_it_yields"), "");
  EXPECT_EQ(TextAt(data, "/consumers/0/owners/0/types/1"), "y");
  EXPECT_THAT(TextAt(data, "/consumers/0/owners/1/why_it_yields"),
              HasSubstr("does not know: y"));
}

TEST_F(ConsumersTest, AProjectionShowsItsParkedKeys) {
  auto service = ParkAda();
  EXPECT_EQ(Stele({"projections", "list"}).exit, 1);
  const Answer text = Stele({"projections", "status", "AccountBalance"});
  EXPECT_EQ(text.exit, 1);
  EXPECT_THAT(text.out, HasSubstr("parked         1"));
  const Answer json = Json({"projections", "status", "AccountBalance"});
  EXPECT_EQ(json.exit, 1);
  EXPECT_EQ(json.Json()["status"], "problem");
  EXPECT_EQ(At(json.Data(), "/active/parked_keys"), 1);
}

TEST_F(ConsumersTest, PausesAndResumes) {
  auto service = StartService([](Runtime& runtime) {
    runtime.Add<bank::AccountDecider>().Add<bank::Balances>();
  });
  Await("the consumer", [this] {
    return !At(Json({"consumers", "list"}).Data(), "/consumers")
                .as_array()
                .empty();
  });
  const std::string name = Consumer();
  EXPECT_EQ(Stele({"consumers", "pause", name}).exit, 0);
  EXPECT_THAT(Stele({"consumers", "list"}).out, HasSubstr("paused"));
  EXPECT_EQ(At(Json({"consumers", "resume", name}).Data(), "/is_paused"),
            false);
  bank::AccountClient accounts(*service);
  const auto opened =
      accounts.OpenAccount({.account_id = "ada", .owner = "Ada"});
  EXPECT_THAT(service->WaitFor<bank::AccountBalance>(*opened, absl::Minutes(1)),
              IsOk());
}

TEST_F(ConsumersTest, SaysThatThereIsNoSuchConsumer) {
  for (const std::vector<std::string>& call :
       std::vector<std::vector<std::string>>{
           {"consumers", "pause", "nobody"},
           {"consumers", "resume", "no\x1b'body"},
           {"consumers", "reset", "nobody", "--to", "0"},
           {"consumers", "reset", "nobody", "--to", "0", "--force"},
           {"consumers", "forget", "nobody", "--yes"},
           {"parked", "list", "--consumer", "nobody"},
           {"parked", "retry", "nobody", "x"},
           {"parked", "discard", "nobody", "x", "--all"}}) {
    const Answer text = Stele(call);
    EXPECT_EQ(text.exit, 4) << call[1] << text.err;
    EXPECT_EQ(text.out, "");
    EXPECT_THAT(text.err, ::testing::Not(HasSubstr("\x1b")));
    const Answer json = Json(call);
    EXPECT_EQ(json.exit, 4);
    EXPECT_THAT(json.Diagnostics(),
                HasSubstr("is not registered; see stele consumers list"));
  }
}

TEST_F(ConsumersTest, ResetsOnlyWhatIsMeant) {
  ASSERT_THAT(ParkAda()->Stop(), IsOk());
  const std::string name = Consumer();
  const Answer twice = Json({"consumers", "reset", name, "--to", "0"});
  EXPECT_EQ(twice.exit, 4);
  EXPECT_THAT(twice.Diagnostics(), HasSubstr("count twice"));
  EXPECT_EQ(Stele({"consumers", "reset", name, "--to", "99999"}).exit, 2);
  const Answer forced =
      Json({"consumers", "reset", name, "--to", "1", "--force"});
  EXPECT_EQ(forced.exit, 0) << forced.out;
  EXPECT_EQ(
      At(Json({"consumers", "list"}).Data(), "/consumers/0/slots/0/position"),
      1);
}

TEST_F(ConsumersTest, ForgetsOnlyWhatNobodyRunsAndIsMeant) {
  auto service = ParkAda();
  const std::string name = Consumer();
  const Answer live = Json({"consumers", "forget", name, "--yes"});
  EXPECT_EQ(live.exit, 4);
  EXPECT_THAT(live.Diagnostics(), HasSubstr("worked on by bank@"));
  ASSERT_THAT(service->Stop(), IsOk());

  const Answer unmeant = Json({"consumers", "forget", name});
  EXPECT_EQ(unmeant.exit, 4);
  EXPECT_THAT(
      unmeant.Diagnostics(),
      AllOf(HasSubstr(" of 5"), HasSubstr("1 parked keys with 2 events"),
            HasSubstr("once more in its rows"), HasSubstr("--yes")));
  EXPECT_EQ(Stele({"parked", "list"}).exit, 1) << "nothing is lost so far";

  const Answer forgotten = Json({"consumers", "forget", name, "--yes"});
  EXPECT_EQ(forgotten.exit, 0) << forgotten.out;
  EXPECT_EQ(At(forgotten.Data(), "/held_events"), 2);
  EXPECT_EQ(Stele({"parked", "list"}).exit, 0);
  EXPECT_THAT(Stele({"consumers", "list"}).out, Not(HasSubstr(name)));
  EXPECT_EQ(Stele({"consumers", "forget", name, "--yes"}).exit, 4);
}

TEST_F(ConsumersTest, RetriesAParkedKeyOnceItIsMended) {
  auto service = ParkAda();
  const std::string name = Consumer();
  const Answer list = Stele({"parked", "list", "--consumer", name});
  EXPECT_EQ(list.exit, 1);
  EXPECT_THAT(list.out, AllOf(HasSubstr("ada"), HasSubstr("ouch")));
  EXPECT_EQ(Stele({"parked", "retry", name, "account-ada"}).exit, 4)
      << "the key of this projection is the row's";
  EXPECT_EQ(Stele({"parked", "retry", name, "ada"}).exit, 0);
  FragileBalances::is_broken = false;
  Await("the held events", [&] { return BalanceOf(*service, "ada") == 776; });
  EXPECT_EQ(Stele({"parked", "list"}).exit, 0);
}

TEST_F(ConsumersTest, DiscardsTheFailedEventAndGoesOnWithTheNext) {
  auto service = ParkAda();
  const std::int64_t first =
      At(Json({"parked", "list"}).Data(), "/0/first_position").as_int64();
  const auto discard = [&](std::int64_t which) {
    return Json({"parked", "discard", Consumer(), "ada", "--first",
                 absl::StrCat(which)});
  };
  const Answer other = discard(first + 1);
  EXPECT_EQ(other.exit, 4);
  EXPECT_THAT(other.Diagnostics(),
              HasSubstr(absl::StrCat("is at position ", first)));
  const Answer asked = discard(first);
  EXPECT_EQ(asked.exit, 0) << asked.out;
  Await("the event after it",
        [&] { return BalanceOf(*service, "ada") == 110; });
}

TEST_F(ConsumersTest, SaysWhichRequestALaterOneReplaces) {
  ASSERT_THAT(ParkAda()->Stop(), IsOk());  // Nobody does what is asked for.
  const std::string name = Consumer();
  const std::int64_t first =
      At(Json({"parked", "list"}).Data(), "/0/first_position").as_int64();
  const std::vector<std::string> discard = {
      "parked", "discard", name, "ada", "--first", absl::StrCat(first)};
  const auto out = [&](const std::vector<std::string>& call) {
    const Answer answer = Stele(call);
    EXPECT_EQ(answer.exit, 0) << answer.err;
    return answer.out;
  };
  EXPECT_THAT(out(discard), Not(HasSubstr("replaces")));
  EXPECT_THAT(out(discard), Not(HasSubstr("replaces"))) << "it is the same";
  EXPECT_THAT(
      out({"parked", "retry", name, "ada"}),
      HasSubstr(absl::StrCat("replaces the discard of the event at ", first)));
  EXPECT_THAT(out({"parked", "discard", name, "ada", "--all"}),
              HasSubstr("replaces the retry"));
  EXPECT_EQ(TextAt(Json(discard).Data(), "/replaces"),
            "the discard of all that is held");
}

TEST_F(ConsumersTest, DiscardsAllThatIsHeld) {
  auto service = ParkAda();
  EXPECT_EQ(Stele({"parked", "discard", Consumer(), "ada", "--all"}).exit, 0);
  Await("an empty list", [&] { return Stele({"parked", "list"}).exit == 0; });
  EXPECT_EQ(BalanceOf(*service, "ada"), 100);
}

// A service whose inbox refuses deposits of the others until it is mended.
TEST_F(ConsumersTest, LooksAfterWhatAnInboxParked) {
  std::atomic<bool> is_broken = true;
  std::atomic<int> handled = 0;
  const std::shared_ptr<InMemoryBroker> broker = MakeInMemoryBroker();
  auto service = StartService([&](Runtime& runtime) {
    runtime.Add<bank::AccountDecider>();
    runtime.RelayTo(broker, RelayRoutes().AddPublicEvents<bank::Account>());
    runtime.Consume(broker, {.name = "till", .topics = {"bank.deposits"}},
                    [&](Inbox& inbox) {
                      inbox.On<bank::Deposited>(
                          [&](Transaction&,
                              const Inbound<bank::Deposited>&) -> absl::Status {
                            if (is_broken)
                              return absl::InternalError("no till");
                            ++handled;
                            return absl::OkStatus();
                          });
                    });
  });
  bank::AccountClient accounts(*service);
  ASSERT_THAT(accounts.OpenAccount({.account_id = "ada", .owner = "Ada"}),
              IsOk());
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(accounts.Deposit({.account_id = "ada", .amount_cents = 1}),
                IsOk());
  }
  Await("three messages of one key", [&] {
    const boost::json::value parked =
        Json({"parked", "list", "--consumer", "inbox/till"}).Data();
    return parked.is_array() && parked.as_array().size() == 1 &&
           At(parked, "/0/held") == 3;
  });
  EXPECT_THAT(Stele({"parked", "list"}).out, HasSubstr("no till"));
  EXPECT_EQ(Json({"consumers", "list"}).exit, 1);
  EXPECT_EQ(Stele({"consumers", "pause", "inbox/till"}).exit, 4);
  EXPECT_EQ(Stele({"consumers", "forget", "inbox/till", "--yes"}).exit, 4);
  EXPECT_EQ(Stele({"parked", "retry", "inbox/till", "nobody"}).exit, 4);

  const std::int64_t first =
      At(Json({"parked", "list"}).Data(), "/0/first_message").as_int64();
  const auto discard = [&](std::int64_t which) {
    return Stele({"parked", "discard", "inbox/till", "account-ada", "--first",
                  absl::StrCat(which)})
        .exit;
  };
  EXPECT_EQ(discard(first + 1), 4) << "it waits behind the one that failed";
  EXPECT_EQ(discard(first), 0);
  EXPECT_EQ(Stele({"parked", "retry", "inbox/till", "account-ada"}).exit, 0);
  is_broken = false;  // Not before, or it might be handled by itself.
  Await("the rest", [&] { return handled == 2; });
  Await("an empty list", [&] { return Stele({"parked", "list"}).exit == 0; });
}

// Keys are any text, but what is listed is what can be given.
TEST_F(ConsumersTest, TakesKeysAsTheyAreListed) {
  const std::shared_ptr<InMemoryBroker> broker = MakeInMemoryBroker();
  auto service = StartService([&](Runtime& runtime) {
    runtime.Consume(broker, {.name = "till", .topics = {"bank.deposits"}},
                    [](Inbox&) {});
  });
  const std::unique_ptr<BrokerPublisher> publisher =
      broker->OpenPublisher().value();
  const auto park = [&](const std::string& key) {
    const std::string id = RandomIds().Next().ToString();
    const std::vector<BrokerMessage> malformed = {
        {.id = id,
         .topic = "bank.deposits",
         .key = "any",
         .headers = {{"ce-id", id}, {"ce-partitionkey", key}}}};
    ASSERT_THAT(publisher->Publish(malformed).status, IsOk());
  };
  park("");
  const auto listed = [&] {
    std::vector<std::string> keys;
    const boost::json::value parked = Json({"parked", "list"}).Data();
    for (const boost::json::value& one : parked.as_array()) {
      keys.emplace_back(one.at("key").as_string());
    }
    return keys;
  };
  Await("the one without a key", [&] { return listed().size() == 1; });
  const std::string number = listed().front();
  EXPECT_EQ(number.front(), '#');
  park(number);  // A key that looks like it.
  park("\x1b[31mred");
  Await("all three", [&] { return listed().size() == 3; });

  const auto discard = [&](const std::string& key) {
    return Stele({"parked", "discard", "inbox/till", key, "--all"}).exit;
  };
  EXPECT_EQ(discard(number), 0);
  EXPECT_EQ(listed().size(), 2u) << "the other one is somebody else's";
  EXPECT_THAT(Stele({"parked", "list"}).out, HasSubstr("\\x1b[31mred"));
  EXPECT_EQ(discard("\\x1b[31mred"), 0);
  EXPECT_EQ(discard("\\" + number), 0);
  EXPECT_EQ(listed().size(), 0u);
}

}  // namespace
}  // namespace stele::testing
