#include "emit/template.h"

#include "gtest/gtest.h"

namespace stele::codegen {
namespace {

TEST(TemplateTest, RemovesTheIndentationOfTheSource) {
  EXPECT_EQ(Fill(R"(
    struct $name$ {
      int $name$;
    };
  )",
                 {{"name", "a"}}),
            "struct a {\n  int a;\n};");
}

TEST(TemplateTest, BlocksTakeTheIndentationOfTheirHole) {
  EXPECT_EQ(Fill(R"(
    {
      $lines$
    }
  )",
                 {{"lines", "one;\n\n  two;"}}),
            "{\n  one;\n\n    two;\n}");
}

TEST(TemplateTest, AnEmptyBlockLeavesNoLine) {
  EXPECT_EQ(Fill("a\n$nothing$\nb", {{"nothing", ""}}), "a\nb");
}

TEST(TemplateTest, ValuesAreNotTemplates) {
  EXPECT_EQ(Fill("$a$;", {{"a", "$b$"}}), "$b$;");
}

TEST(TemplateTest, JoinLeavesOutWhatIsEmpty) {
  EXPECT_EQ(Join({"a", "", "b"}), "a\nb");
  EXPECT_EQ(Join({"", ""}, ", "), "");
}

TEST(TemplateDeathTest, AHoleWithoutAValueIsABug) {
  EXPECT_DEATH(Fill("$missing$;", {}), "no value for hole \\$missing\\$");
}

}  // namespace
}  // namespace stele::codegen
