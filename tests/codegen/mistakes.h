#ifndef STELE_TESTS_CODEGEN_MISTAKES_H_
#define STELE_TESTS_CODEGEN_MISTAKES_H_

#include <string>
#include <vector>

#include "protoc.h"

namespace stele::codegen {

// For tests that make a mistake on purpose: the real protoc must fail, say
// where and what, and write nothing.

// Line 1 of every model here; what a test writes begins on line 2.
inline constexpr char kBegin[] =
    "syntax = \"proto3\"; package bank; import \"stele/options.proto\";\n";

// A right model, to be followed by wrong ones.
inline constexpr char kAccount[] = R"(
message Account { option (stele.aggregate).stream = "account"; }
message Open {
  option (stele.command).on = "Account";
  string account_id = 1 [(stele.id) = true];
}
message Opened {
  option (stele.event).of = "Account";
  string owner = 1;
  double rate = 2;
  int64 number = 3;
}
)";

// The mistakes that protoc reports in `wanted`, one of the files of `folder`.
std::vector<std::string> MistakesIn(const ProtoFolder& folder,
                                    const std::string& wanted);

// The mistakes in a file "model.proto" of `text` after kBegin.
std::vector<std::string> MistakesIn(const std::string& text);

// The mistakes in `text` when the right model follows it; its first line is 2.
std::vector<std::string> MistakesBesideAccount(const std::string& text);

}  // namespace stele::codegen

#endif  // STELE_TESTS_CODEGEN_MISTAKES_H_
