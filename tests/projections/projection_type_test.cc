// What a projector is described as, and what is refused before it runs.
#include "stele/projections/projection_type.h"

#include <gmock/gmock.h>

#include "projection.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"

namespace stele::projections_internal {
namespace {

using ::absl::StatusCode;
using ::bank::Balances;
using ::stele::testing::StatusIs;
using ::testing::HasSubstr;

struct NewerBalances : Balances {
  static constexpr int kVersion = 2;
};

std::string FingerprintOf(ProjectionType type) {
  return (*MakeProjection(std::move(type)))->fingerprint;
}

TEST(ProjectionTypeTest, SaysWhatTheReadModelSays) {
  const ProjectionType type = MakeProjectionType<Balances>();
  EXPECT_EQ(type.name, "AccountBalance");
  EXPECT_EQ(type.table, "account_balance");
  EXPECT_FALSE(type.is_sql);
  EXPECT_EQ(type.events.size(), 4u);
}

TEST(ProjectionTypeTest, TheFingerprintFollowsCodeVersionEventsAndColumns) {
  const std::string before = FingerprintOf(MakeProjectionType<Balances>());
  EXPECT_EQ(before, FingerprintOf(MakeProjectionType<Balances>()));
  EXPECT_EQ(before.size(), 8u);
  EXPECT_NE(before, FingerprintOf(MakeProjectionType<NewerBalances>()));

  ProjectionType fewer_events = MakeProjectionType<Balances>();
  fewer_events.events.pop_back();
  EXPECT_NE(before, FingerprintOf(fewer_events));

  ProjectionType other_columns = MakeProjectionType<Balances>();
  other_columns.prototype = &bank::TransferStatus::default_instance();
  EXPECT_NE(before, FingerprintOf(other_columns));

  ProjectionType reordered = MakeProjectionType<Balances>();
  std::swap(reordered.events.front(), reordered.events.back());
  EXPECT_EQ(before, FingerprintOf(reordered));
}

TEST(ProjectionTypeTest, NamesThatSqlCouldMisreadAreRefused) {
  for (const char* table : {"", "a b", "x\"; DROP TABLE y", "1st", "tëst"}) {
    ProjectionType type = MakeProjectionType<Balances>();
    type.table = table;
    EXPECT_THAT(MakeProjection(type), StatusIs(StatusCode::kInvalidArgument,
                                               HasSubstr("the table's name")))
        << table;
  }
  ProjectionType type = MakeProjectionType<Balances>();
  type.table = std::string(41, 'x');
  EXPECT_THAT(MakeProjection(type), StatusIs(StatusCode::kInvalidArgument));
}

TEST(ProjectionTypeTest, TheRowFormNeedsExactlyOneId) {
  ProjectionType type = MakeProjectionType<Balances>();
  type.prototype = &bank::DailyTurnover::default_instance();
  EXPECT_THAT(MakeProjection(type),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("exactly one field marked as (stele.id)")));
}

TEST(ProjectionTypeTest, AKeyThatIsNotStorableStillHasAPlaceToPark) {
  const auto projection = *MakeProjection(MakeProjectionType<Balances>());
  RecordedEvent event;
  event.stream_id = "account-ada";
  event.type = "bank.Deposited";
  event.payload = "\xff\xff";
  EXPECT_EQ(projection->OrderKeyOf(event), "ada");
  EXPECT_THAT(projection->RowKeyOf(event),
              StatusIs(StatusCode::kDataLoss, HasSubstr("cannot be parsed")));
}

}  // namespace
}  // namespace stele::projections_internal
