// Uses code generated from codegen/golden/, as a user would.

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "bank/account.stele.h"
#include "gmock/gmock.h"
#include "kitchen/kitchen.stele.h"
#include "kitchen/reports.stele.h"
#include "minimal.stele.h"
#include "plain.stele.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

namespace kv = kitchen::v1;

// ---- Make...() --------------------------------------------------------------

TEST(MakeTest, SetsScalars) {
  const kv::Invent made = kv::MakeInvent({.dish_id = "d",
                                          .bool_field = true,
                                          .sint32_field = -1,
                                          .sfixed64_field = -2,
                                          .fixed32_field = 3,
                                          .uint64_field = 4,
                                          .float_field = 0.5f,
                                          .double_field = 0.25,
                                          .string_field = "s",
                                          .bytes_field = std::string("\0b", 2),
                                          .course = kv::COURSE_MAIN,
                                          .unit = kv::Ingredient::UNIT_GRAM,
                                          .class_ = "c",
                                          .new_ = {1, 2}});
  EXPECT_EQ(made.dish_id(), "d");
  EXPECT_TRUE(made.bool_field());
  EXPECT_EQ(made.sint32_field(), -1);
  EXPECT_EQ(made.sfixed64_field(), -2);
  EXPECT_EQ(made.fixed32_field(), 3u);
  EXPECT_EQ(made.uint64_field(), 4u);
  EXPECT_EQ(made.float_field(), 0.5f);
  EXPECT_EQ(made.double_field(), 0.25);
  EXPECT_EQ(made.string_field(), "s");
  EXPECT_EQ(made.bytes_field(), std::string("\0b", 2));
  EXPECT_EQ(made.course(), kv::COURSE_MAIN);
  EXPECT_EQ(made.unit(), kv::Ingredient::UNIT_GRAM);
  EXPECT_EQ(made.class_(), "c");
  EXPECT_THAT(made.new_(), ElementsAre(1, 2));
}

TEST(MakeTest, NothingSetIsTheDefaultMessage) {
  EXPECT_EQ(kv::MakeInvent({}).SerializeAsString(),
            kv::Invent().SerializeAsString());
  EXPECT_EQ(kv::MakeDishDeleted().ByteSizeLong(), 0u);
}

TEST(MakeTest, KeepsAbsentAndZeroApart) {
  const kv::Invent absent = kv::MakeInvent({});
  EXPECT_FALSE(absent.has_optional_int32());
  EXPECT_FALSE(absent.has_main_ingredient());
  EXPECT_FALSE(absent.has_invented_at());

  google::protobuf::Timestamp at;
  at.set_seconds(7);
  google::protobuf::StringValue note;
  plain::Money price;
  price.set_cents(5);
  const kv::Invent present =
      kv::MakeInvent({.optional_int32 = 0,
                      .optional_string = "",
                      .optional_course = kv::Course(),
                      .main_ingredient = kv::Ingredient(),
                      .invented_at = at,
                      .note = note,
                      .price = price,
                      .delete_ = false});
  EXPECT_TRUE(present.has_optional_int32());
  EXPECT_TRUE(present.has_optional_string());
  EXPECT_FALSE(present.has_optional_bytes());
  EXPECT_TRUE(present.has_optional_course());
  EXPECT_TRUE(present.has_main_ingredient());
  EXPECT_EQ(present.invented_at().seconds(), 7);
  EXPECT_TRUE(present.has_note());
  EXPECT_EQ(present.price().cents(), 5);
  EXPECT_TRUE(present.has_delete_());
}

TEST(MakeTest, FillsRepeatedFieldsAndMaps) {
  kv::Ingredient salt;
  salt.set_name("salt");
  const kv::Invent made =
      kv::MakeInvent({.ratings = {1, 2},
                      .flags = {true, false},
                      .tags = {"a", "b"},
                      .courses = {kv::COURSE_MAIN},
                      .ingredients = {salt, kv::Ingredient()},
                      .names = {{"de", "Suppe"}, {"en", "soup"}},
                      .numbers = {{1, 10}},
                      .substitutes = {{"pepper", salt}},
                      .courses_by_name = {{"soup", kv::COURSE_STARTER}}});
  EXPECT_THAT(made.ratings(), ElementsAre(1, 2));
  EXPECT_THAT(made.flags(), ElementsAre(true, false));
  EXPECT_THAT(made.tags(), ElementsAre("a", "b"));
  EXPECT_THAT(made.courses(), ElementsAre(kv::COURSE_MAIN));
  ASSERT_EQ(made.ingredients_size(), 2);
  EXPECT_EQ(made.ingredients(0).name(), "salt");
  EXPECT_THAT(made.names(),
              UnorderedElementsAre(Pair("de", "Suppe"), Pair("en", "soup")));
  EXPECT_THAT(made.numbers(), ElementsAre(Pair(1, 10)));
  EXPECT_EQ(made.substitutes().at("pepper").name(), "salt");
  EXPECT_EQ(made.courses_by_name().at("soup"), kv::COURSE_STARTER);
}

TEST(MakeTest, SetsOneMemberOfAOneof) {
  EXPECT_EQ(kv::MakeInvent({}).creator_case(), kv::Invent::CREATOR_NOT_SET);
  EXPECT_EQ(kv::MakeInvent({.cook = ""}).creator_case(), kv::Invent::kCook);
  EXPECT_EQ(kv::MakeInvent({.cook = "Ada", .machine = 7}).creator_case(),
            kv::Invent::kMachine);
  EXPECT_EQ(kv::MakeInvent({.chance = kv::Ingredient()}).creator_case(),
            kv::Invent::kChance);
}

// ---- Aggregates -------------------------------------------------------------

struct CounterRules {
  using Aggregate = Counter;
  static CounterDecision Decide(const Counter&, const Increment&) {
    return MakeIncremented();
  }
  static void Evolve(Counter& next, const Incremented&) {
    next.set_value(next.value() + 1);
  }
};
static_assert(DecidesCounter<CounterRules>);
static_assert(AggregateTraits<Counter>::kDecidedBy<CounterRules>);

struct ForgetfulRules {
  static CounterDecision Decide(const Counter&, const Increment&) {
    return NoEvents;
  }
};
static_assert(!DecidesCounter<ForgetfulRules>);

TEST(AggregateTest, DecidesAndEvolves) {
  Counter counter;
  const CounterDecision decision = CounterRules::Decide(counter, Increment());
  ASSERT_EQ(decision.events().size(), 1u);
  std::visit([&](const auto& event) { CounterRules::Evolve(counter, event); },
             decision.events()[0]);
  EXPECT_EQ(counter.value(), 1);
}

template <typename Visit>
std::vector<std::string> NamesOf(Visit visit) {
  std::vector<std::string> names;
  visit([&names]<typename T>(std::type_identity<T>) {
    names.push_back(T::descriptor()->full_name());
  });
  return names;
}

TEST(AggregateTest, TraitsTellOfCommandsAndEventsOfImportedFilesToo) {
  using Traits = AggregateTraits<kv::Kitchen>;
  static_assert(std::same_as<Traits::Event, kv::KitchenEvent>);
  static_assert(
      std::same_as<kv::KitchenEvent,
                   std::variant<kv::Restocked, kv::Cooked, kv::Burnt>>);
  EXPECT_EQ(Traits::kCategory, "kitchen");
  EXPECT_EQ(Traits::kSnapshotEvery, 0);
  EXPECT_EQ(AggregateTraits<kv::Dish>::kSnapshotEvery, 10);
  EXPECT_THAT(NamesOf([](auto v) { Traits::ForEachCommand(v); }),
              ElementsAre("kitchen.v1.Restock", "kitchen.v1.Cook"));
  EXPECT_THAT(NamesOf([](auto v) { Traits::ForEachEvent(v); }),
              ElementsAre("kitchen.v1.Restocked", "kitchen.v1.Cooked",
                          "kitchen.v1.Burnt"));
}

TEST(AggregateTest, TraitsTellOfEvents) {
  using Invented = EventTraits<kv::DishInvented>;
  static_assert(std::same_as<Invented::Aggregate, kv::Dish>);
  EXPECT_EQ(Invented::kType, "kitchen.DishCreated");
  EXPECT_TRUE(Invented::kPublic);
  EXPECT_EQ(Invented::kTopic, "menu.changes");
  EXPECT_EQ(EventTraits<kv::DishDeleted>::kTopic, "dish");
  EXPECT_EQ(EventTraits<kv::Restocked>::kType, "kitchen.v1.Restocked");
  EXPECT_FALSE(EventTraits<kv::Restocked>::kPublic);
  EXPECT_EQ(EventTraits<Incremented>::kType, "Incremented");
}

TEST(AggregateTest, TraitsTellOfCommands) {
  EXPECT_TRUE(CommandTraits<kv::Invent>::kCreates);
  EXPECT_FALSE(CommandTraits<kv::Cook>::kCreates);
  static_assert(
      std::same_as<CommandTraits<kv::Restock>::Aggregate, kv::Kitchen>);
  EXPECT_EQ(CommandTraits<kv::Invent>::Id(kv::MakeInvent({.dish_id = "x"})),
            "x");
  EXPECT_EQ(CommandTraits<kv::Cook>::Id(kv::MakeCook({.kitchen_number = 12})),
            "12");
}

// ---- Client -----------------------------------------------------------------

class FakeDispatcher : public Dispatcher {
 public:
  absl::StatusOr<Receipt> Dispatch(const google::protobuf::Message& command,
                                   const DispatchOptions& options) override {
    seen_ = command.GetTypeName() + " " + options.correlation_id;
    Receipt receipt;
    receipt.stream_id = "counter-7";
    return receipt;
  }
  absl::StatusOr<Receipt> DispatchIn(Transaction&,
                                     const google::protobuf::Message&,
                                     const DispatchOptions&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<Receipt> DispatchBytes(std::string_view, std::string_view,
                                        const DispatchOptions&) override {
    return absl::UnimplementedError("");
  }

  std::string seen_;
};

TEST(ClientTest, DispatchesCommands) {
  FakeDispatcher dispatcher;
  CounterClient counters(dispatcher);
  const absl::StatusOr<Receipt> receipt = counters.Increment(
      {.counter_id = "7"}, DispatchOptions{.correlation_id = "c"});
  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(receipt->stream_id, "counter-7");
  EXPECT_EQ(dispatcher.seen_, "Increment c");
  EXPECT_TRUE(kv::KitchenClient(dispatcher).Restock({}).ok());
  EXPECT_EQ(dispatcher.seen_, "kitchen.v1.Restock ");
}

// ---- Read models ------------------------------------------------------------

struct MenuRules {
  using ReadModel = kv::MenuEntry;
  static void Apply(kv::MenuEntry&, const Recorded<kv::DishInvented>&) {}
  static RowAction Apply(kv::MenuEntry&, const Recorded<kv::DishDeleted>&) {
    return RowAction::kDelete;
  }
};
static_assert(kv::ProjectsMenuEntry<MenuRules>);
static_assert(ProjectionTraits<kv::MenuEntry>::kProjectedBy<MenuRules>);
static_assert(!kv::ProjectsTicket<MenuRules>);

struct CrateRules {
  using ReadModel = reports::CratesByDay;
  static absl::Status Apply(const SqlTarget&, const Recorded<kv::Restocked>&) {
    return absl::OkStatus();
  }
  static absl::Status Apply(const SqlTarget&, const Recorded<kv::Cooked>&) {
    return absl::OkStatus();
  }
};
static_assert(reports::ProjectsCratesByDay<CrateRules>);

template <typename E>
RecordedEvent EnvelopeOf(const std::string& stream_id) {
  RecordedEvent envelope;
  envelope.stream_id = stream_id;
  envelope.type = std::string(EventTraits<E>::kType);
  return envelope;
}

TEST(ReadModelTest, TraitsFindTheRow) {
  using Menu = ProjectionTraits<kv::MenuEntry>;
  EXPECT_EQ(Menu::kName, "MenuEntry");
  EXPECT_EQ(Menu::kTable, "menu");
  EXPECT_FALSE(Menu::kSql);
  const kv::DishDeleted deleted;
  const RecordedEvent dish = EnvelopeOf<kv::DishDeleted>("dish-a-1");
  EXPECT_EQ(Menu::KeyOf(Recorded<kv::DishDeleted>(deleted, dish)), "a-1");
  kv::MenuEntry entry;
  Menu::SetKey(entry, "a-1");
  EXPECT_EQ(entry.dish_id(), "a-1");

  using Tickets = ProjectionTraits<kv::Ticket>;
  const kv::Burnt burnt = kv::MakeBurnt({.ticket = -42});
  const RecordedEvent kitchen = EnvelopeOf<kv::Burnt>("kitchen-1");
  EXPECT_EQ(Tickets::KeyOf(Recorded<kv::Burnt>(burnt, kitchen)), "-42");
  kv::Ticket ticket;
  Tickets::SetKey(ticket, "-42");
  EXPECT_EQ(ticket.number(), -42);
  EXPECT_THAT(NamesOf([](auto v) { Tickets::ForEachEvent(v); }),
              ElementsAre("kitchen.v1.Cooked", "kitchen.v1.Burnt"));
  EXPECT_TRUE(ProjectionTraits<reports::CratesByDay>::kSql);
}

// ---- Sagas ------------------------------------------------------------------

struct SecondTryRules {
  using State = kv::SecondTry;
  static Next On(kv::SecondTry&, const Recorded<kv::Burnt>&) { return {}; }
  static Next On(kv::SecondTry&, const Recorded<kv::Cooked>&) { return {}; }
  static Next On(kv::SecondTry&, const Recorded<kv::DishDeleted>&) {
    return {};
  }
  static Next On(kv::SecondTry&, const Rejected<kv::Cook>&) { return {}; }
  static Next On(kv::SecondTry&, const Rejected<kv::Restock>&) { return {}; }
  static Next On(kv::SecondTry&, const Elapsed<kv::SecondTryGuestLeaves>&) {
    return {};
  }
  static Next On(kv::SecondTry&, const Elapsed<kv::SecondTryKitchenCloses>&) {
    return {};
  }
};
static_assert(kv::DrivesSecondTry<SecondTryRules>);
static_assert(SagaTraits<kv::SecondTry>::kDrivenBy<SecondTryRules>);
static_assert(!reports::DrivesSupply<SecondTryRules>);

TEST(SagaTest, TraitsFindTheInstance) {
  using Traits = SagaTraits<kv::SecondTry>;
  static_assert(std::same_as<Traits::StartsOn, kv::Burnt>);
  EXPECT_EQ(Traits::kName, "SecondTry");
  EXPECT_EQ(Traits::kCategory, "saga_SecondTry");
  EXPECT_THAT(NamesOf([](auto v) { Traits::ForEachEvent(v); }),
              ElementsAre("kitchen.v1.Burnt", "kitchen.v1.Cooked",
                          "kitchen.v1.DishDeleted"));
  EXPECT_THAT(NamesOf([](auto v) { Traits::ForEachCommand(v); }),
              ElementsAre("kitchen.v1.Cook", "kitchen.v1.Restock"));
  std::vector<std::string> timers;
  Traits::ForEachTimer([&timers]<typename T>(std::type_identity<T>) {
    timers.emplace_back(T::kName);
  });
  EXPECT_THAT(timers, ElementsAre("guest_leaves", "kitchen_closes"));

  const kv::Burnt burnt = kv::MakeBurnt({.ticket = 9});
  const RecordedEvent kitchen = EnvelopeOf<kv::Burnt>("kitchen-1");
  EXPECT_EQ(Traits::KeyOf(Recorded<kv::Burnt>(burnt, kitchen)), "9");
  kv::SecondTry saga;
  Traits::SetId(saga, "9");
  EXPECT_EQ(saga.ticket(), "9");
  reports::Supply supply;
  SagaTraits<reports::Supply>::SetId(supply, "12");
  EXPECT_EQ(supply.kitchen_number(), 12);
}

// ---- What the compiler says -------------------------------------------------

TEST(ConceptTest, TheCompilerNamesAForgottenOverload) {
  const ProtoFolder folder;
  folder.Add("forgetful.cc", R"(
#include "bank/account.stele.h"
namespace bank {
struct Forgetful {
  static AccountDecision Decide(const Account&, const OpenAccount&);
  static AccountDecision Decide(const Account&, const Deposit&);
  static AccountDecision Decide(const Account&, const RequestTransfer&);
  static void Evolve(Account&, const AccountOpened&);
  static void Evolve(Account&, const Deposited&);
  static void Evolve(Account&, const Withdrawn&);
  static void Evolve(Account&, const TransferRequested&);
};
static_assert(DecidesAccount<Forgetful>);
}
)");
  std::string command =
      "LC_ALL=C " + ShellQuoted(STELE_TEST_CXX) + " -std=c++20 -fsyntax-only";
  for (const std::string folder_name : {STELE_TEST_INCLUDES}) {
    command += " -I " + ShellQuoted(folder_name);
  }
  const Outcome outcome =
      RunCommand(command + " " + ShellQuoted(folder.path() + "/forgetful.cc"));
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("'T::Decide(state, withdraw)'"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("T::Decide(state, deposit)")));
}

}  // namespace
}  // namespace stele::codegen
