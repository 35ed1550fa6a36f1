// stele-bench: every figure beside a raw one taken in the same run.
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/runtime/config.h"
#include "world.h"

namespace stele::bench {
namespace {

struct Call {
  std::string json;
  std::string only;
  std::int64_t rounds = 5;
  absl::Duration slice = absl::Seconds(2);
  std::int64_t payload_bytes = 200;
};

struct Area {
  const char* prefix;
  absl::StatusOr<std::vector<Contest>> (*contests)(World&);
};

constexpr Area kAreas[] = {{"append", AppendContests},
                           {"read", ReadContests},
                           {"command", CommandContests},
                           {"relay", RelayContests},
                           {"sagas", SagaContests}};

bool IsWanted(const std::string& name, const std::string& only) {
  if (only.empty()) return true;
  for (const absl::string_view part : absl::StrSplit(only, ',')) {
    if (absl::StartsWith(name, part) || absl::StartsWith(part, name)) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<std::vector<Figure>> Run(const Call& call) {
  STELE_ASSIGN_OR_RETURN(
      auto world, World::Create({.rounds = static_cast<int>(call.rounds),
                                 .slice = call.slice,
                                 .payload_bytes = static_cast<std::size_t>(
                                     call.payload_bytes)}));
  std::vector<Figure> figures;
  PrintHeader();
  for (const Area& area : kAreas) {
    if (!IsWanted(area.prefix, call.only)) continue;
    STELE_ASSIGN_OR_RETURN(const auto contests, area.contests(*world));
    for (const Contest& contest : contests) {
      if (!IsWanted(contest.name, call.only)) continue;
      STELE_ASSIGN_OR_RETURN(const Figure figure,
                             Measure(contest, static_cast<int>(call.rounds)));
      PrintFigure(figure);
      figures.push_back(figure);
    }
  }
  if (figures.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--only ", call.only, " names no figure"));
  }
  return figures;
}

int Main(int argc, const char* const* argv) {
  Call call;
  Config config("stele-bench",
                "Measures Stele beside raw PostgreSQL, in one run.");
  config.Text("json", &call.json, "Write the figures to this file, too.")
      .Text("only", &call.only,
            "Only figures whose names begin like one of these, a,b.")
      .Number("rounds", &call.rounds, 1, 100,
              "Measurements of each figure; medians are shown.")
      .Time("slice", &call.slice, absl::Milliseconds(100), absl::Minutes(10),
            "How long one measurement takes.")
      .Number("payload-bytes", &call.payload_bytes, 1, 1 << 20, "Of an event.");
  if (absl::Status parsed = config.Parse(argc, argv); !parsed.ok()) {
    const bool is_help = absl::IsCancelled(parsed);
    (is_help ? std::cout : std::cerr) << parsed.message() << "\n";
    return is_help ? 0 : 2;
  }
  SetLogLevel(LogLevel::kWarning);
  const auto figures = Run(call);
  absl::Status status = figures.status();
  if (status.ok() && !call.json.empty()) {
    status = WriteJson(call.json, *figures);
  }
  if (status.ok()) return 0;
  std::cerr << "stele-bench: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace
}  // namespace stele::bench

int main(int argc, char** argv) { return stele::bench::Main(argc, argv); }
