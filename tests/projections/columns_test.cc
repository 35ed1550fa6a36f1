// The columns of a read model and the text of their cells, without a database.
#include "rows/columns.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>

#include "everything.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "stele/testing/status_matchers.h"

namespace stele::projections_internal {
namespace {

using ::absl::StatusCode;
using ::google::protobuf::util::MessageDifferencer;
using ::shapes::Everything;
using ::stele::testing::IsOk;
using ::stele::testing::StatusIs;
using ::testing::HasSubstr;

TableShape Shape() { return *ShapeOf(*Everything::descriptor()); }

const Column& ColumnOf(const TableShape& shape, std::string_view name) {
  for (const Column& column : shape.columns) {
    if (column.name == name) return column;
  }
  ADD_FAILURE() << "no column " << name;
  return shape.columns.front();
}

TEST(ColumnsTest, EveryKindOfFieldHasItsColumn) {
  const TableShape shape = Shape();
  const auto declared = [&](std::string_view name) {
    return Declaration(ColumnOf(shape, name));
  };
  EXPECT_EQ(declared("id"), "\"id\" text COLLATE \"C\" NOT NULL DEFAULT ''");
  EXPECT_EQ(declared("flag"), "\"flag\" boolean NOT NULL DEFAULT false");
  EXPECT_EQ(declared("i32"), "\"i32\" integer NOT NULL DEFAULT 0");
  EXPECT_EQ(declared("u32"), "\"u32\" bigint NOT NULL DEFAULT 0");
  EXPECT_EQ(declared("u64"), "\"u64\" numeric(20) NOT NULL DEFAULT 0");
  EXPECT_EQ(declared("f32"), "\"f32\" real NOT NULL DEFAULT 0");
  EXPECT_EQ(declared("order"), "\"order\" text NOT NULL DEFAULT ''");
  EXPECT_EQ(declared("blob"), "\"blob\" bytea NOT NULL DEFAULT ''");
  EXPECT_EQ(declared("colour"), "\"colour\" integer NOT NULL DEFAULT 0");
  EXPECT_EQ(declared("at"), "\"at\" timestamptz");
  EXPECT_EQ(declared("part"), "\"part\" jsonb");
  EXPECT_EQ(declared("parts"), "\"parts\" jsonb NOT NULL DEFAULT '[]'");
  EXPECT_EQ(declared("counts"), "\"counts\" jsonb NOT NULL DEFAULT '{}'");
  EXPECT_EQ(declared("maybe"), "\"maybe\" integer");
  EXPECT_EQ(declared("left"), "\"left\" text");
}

TEST(ColumnsTest, TextWithNulOrBrokenUtf8IsRefusedByName) {
  const TableShape shape = Shape();
  Everything row;
  row.set_order(std::string("a\0b", 3));
  EXPECT_THAT(EncodeCell(row, ColumnOf(shape, "order")),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("shapes.Everything.order holds a NUL")));
  row.set_order("\xff");
  EXPECT_THAT(EncodeCell(row, ColumnOf(shape, "order")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
}

TEST(ColumnsTest, NulInsideJsonIsRefusedButItsSpellingIsNot) {
  const TableShape shape = Shape();
  Everything row;
  row.add_tags(std::string("a\0b", 3));
  EXPECT_THAT(EncodeCell(row, ColumnOf(shape, "tags")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("NUL")));
  row.clear_tags();
  row.add_tags("\\u0000");
  EXPECT_THAT(EncodeCell(row, ColumnOf(shape, "tags")), IsOk());
}

TEST(ColumnsTest, TimesBeyondTheCalendarAreRefused) {
  const TableShape shape = Shape();
  Everything row;
  row.mutable_at()->set_seconds(std::numeric_limits<std::int64_t>::max());
  EXPECT_THAT(EncodeCell(row, ColumnOf(shape, "at")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no time")));
}

TEST(ColumnsTest, NormalizingCutsTimesToMicroseconds) {
  Everything row;
  row.mutable_at()->set_nanos(123'456'789);
  ASSERT_THAT(NormalizeRow(Shape(), row), IsOk());
  EXPECT_EQ(row.at().nanos(), 123'456'000);
}

TEST(ColumnsTest, AJsonCellIsTheFieldAloneAndComesBack) {
  const TableShape shape = Shape();
  Everything row;
  row.set_id("other fields do not leak in");
  row.add_parts()->set_name("\"quoted\" \\ {x}");
  row.add_parts()->set_count(1LL << 60);
  const auto cell = EncodeCell(row, ColumnOf(shape, "parts"));
  ASSERT_THAT(cell, IsOk());
  Everything back;
  ASSERT_THAT(DecodeCell(*cell, ColumnOf(shape, "parts"), back), IsOk());
  row.clear_id();
  EXPECT_TRUE(MessageDifferencer::Equals(row, back)) << **cell;
}

TEST(ColumnsTest, ACellThatNobodyWroteIsDataLoss) {
  const TableShape shape = Shape();
  Everything row;
  EXPECT_THAT(DecodeCell("abc", ColumnOf(shape, "i32"), row),
              StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(DecodeCell("[1", ColumnOf(shape, "parts"), row),
              StatusIs(StatusCode::kDataLoss));
}

TEST(ColumnsTest, AMessageWithoutFieldsIsNoTable) {
  EXPECT_THAT(ShapeOf(*google::protobuf::Empty::descriptor()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no fields")));
}

}  // namespace
}  // namespace stele::projections_internal
