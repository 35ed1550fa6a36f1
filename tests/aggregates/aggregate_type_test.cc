#include "stele/aggregates/aggregate_type.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "till/till_decider.h"

namespace stele {
namespace {

struct OlderFold : till::TillDecider {
  static constexpr int kFoldVersion = 1;
};

// The fingerprint of message m.State in a file of its own.
std::string FingerprintOf(const std::string& messages) {
  google::protobuf::FileDescriptorProto file;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "name: 'm.proto' package: 'm' syntax: 'proto3' " + messages, &file));
  google::protobuf::DescriptorPool pool;
  const auto* built = pool.BuildFile(file);
  google::protobuf::DynamicMessageFactory factory(&pool);
  AggregateType::Parts parts;
  parts.category = "m";
  parts.state = factory.GetPrototype(built->FindMessageTypeByName("State"));
  return AggregateType(std::move(parts)).fingerprint();
}

constexpr char kState[] =
    "message_type { name: 'State' "
    "  field { name: 'part' number: 1 label: LABEL_OPTIONAL "
    "          type: TYPE_MESSAGE type_name: '.m.Part' } "
    "  field { name: 'color' number: 2 label: LABEL_OPTIONAL "
    "          type: TYPE_ENUM type_name: '.m.Color' } } ";
constexpr char kPart[] =
    "message_type { name: 'Part' "
    "  field { name: 'n' number: 1 label: LABEL_OPTIONAL type: TYPE_INT64 } "
    "  field { name: 'state' number: 2 label: LABEL_OPTIONAL "
    "          type: TYPE_MESSAGE type_name: '.m.State' } } ";
constexpr char kColor[] =
    "enum_type { name: 'Color' value { name: 'RED' number: 0 } } ";

TEST(AggregateTypeTest, SaysWhatTheDeciderIsOf) {
  const AggregateType type = MakeAggregateType<till::TillDecider>();
  EXPECT_EQ(type.name(), "till.Till");
  EXPECT_EQ(type.category(), "till");
  EXPECT_EQ(type.snapshot_every(), 5);
  EXPECT_EQ(type.commands().size(), 6);
  EXPECT_EQ(type.events().size(), 4);
  EXPECT_TRUE(type.FindCommand("till.OpenTill")->creates);
  EXPECT_EQ(type.FindCommand("till.PaidIn"), nullptr);
  EXPECT_EQ(type.FindEvent("till.Received")->prototype->GetTypeName(),
            "till.PaidIn");
  EXPECT_EQ(type.FindEvent("till.PaidIn"), nullptr);
}

TEST(AggregateTypeTest, CopyIsIndependent) {
  AggregateType copy = [] {
    const AggregateType type = MakeAggregateType<till::TillDecider>();
    return type;
  }();
  till::Till state;
  EXPECT_TRUE(
      copy.Evolve(*copy.FindEvent("till.Received"), state, till::MakePaidIn(5))
          .ok());
  EXPECT_EQ(state.cents(), 5);
}

TEST(FingerprintTest, IsTheSameEachTime) {
  EXPECT_EQ(MakeAggregateType<till::TillDecider>().fingerprint(),
            MakeAggregateType<till::TillDecider>().fingerprint());
  EXPECT_EQ(FingerprintOf(std::string(kState) + kPart + kColor),
            FingerprintOf(std::string(kState) + kPart + kColor));
}

TEST(FingerprintTest, ChangesWithTheFoldVersion) {
  EXPECT_NE(MakeAggregateType<till::TillDecider>().fingerprint(),
            MakeAggregateType<OlderFold>().fingerprint());
}

TEST(FingerprintTest, ChangesWithWhatTheStateRefersTo) {
  const std::string before =
      FingerprintOf(std::string(kState) + kPart + kColor);
  const std::string other_part =
      "message_type { name: 'Part' "
      "  field { name: 'n' number: 1 label: LABEL_OPTIONAL "
      "          type: TYPE_SINT64 } } ";
  EXPECT_NE(before, FingerprintOf(std::string(kState) + other_part + kColor));
  const std::string other_color =
      "enum_type { name: 'Color' value { name: 'RED' number: 0 } "
      "                          value { name: 'BLUE' number: 1 } } ";
  EXPECT_NE(before, FingerprintOf(std::string(kState) + kPart + other_color));
}

TEST(FingerprintTest, DoesNotChangeWithOtherTypesOfTheFile) {
  const std::string all = std::string(kState) + kPart + kColor;
  EXPECT_EQ(FingerprintOf(all),
            FingerprintOf(all + "message_type { name: 'Unrelated' } "));
  EXPECT_EQ(FingerprintOf(all),
            FingerprintOf(std::string(kPart) + kState + kColor));
}

}  // namespace
}  // namespace stele
