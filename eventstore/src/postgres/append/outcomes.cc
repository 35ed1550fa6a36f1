// What became of a batch, from what the functions of the schema said.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "postgres/append/batch.h"
#include "stele/base/check.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::postgres_store {
namespace {

using postgres::Result;

// Verdicts of 0003_append_check.sql.
constexpr int kAppended = 0, kConflict = 1, kTombstoned = 2, kRepeated = 3,
              kIdsDiffer = 4, kUnitRefused = 5, kHeld = 7;

}  // namespace

absl::Status HeldStreamError(const std::string& stream_id) {
  return absl::DeadlineExceededError(
      absl::StrCat("appending: another session has held stream ",
                   Quoted(stream_id), " for too long; nothing was written"));
}

struct AppendBatch::Verdicts {
  std::vector<std::int64_t> versions;  // Before the append.
  std::vector<std::int16_t> verdicts;  // Empty = all appended.
  std::vector<std::int64_t> repeated_first;
  std::vector<std::int64_t> repeated_last;
  std::vector<std::int64_t> repeated_position;

  int Of(std::size_t part) const {
    return verdicts.empty() ? kAppended : verdicts[part];
  }
};

AppendBatch::Verdicts AppendBatch::ParseVerdicts(const Result& result,
                                                 int first) const {
  Verdicts verdicts;
  verdicts.versions = result.GetInt8s(0, first);
  STELE_CHECK(verdicts.versions.size() == parts_.size());
  if (result.IsNull(0, first + 1)) return verdicts;
  verdicts.verdicts = result.GetInt2s(0, first + 1);
  verdicts.repeated_first = result.GetInt8s(0, first + 2);
  verdicts.repeated_last = result.GetInt8s(0, first + 3);
  verdicts.repeated_position = result.GetInt8s(0, first + 4);
  STELE_CHECK(verdicts.verdicts.size() == parts_.size());
  return verdicts;
}

std::vector<PlacedEvent> AppendBatch::Placed(const Result& result,
                                             int column) const {
  std::vector<PlacedEvent> placed;
  if (result.IsNull(0, column)) return placed;
  const std::vector<std::int64_t> positions = result.GetInt8s(0, column);
  STELE_CHECK(positions.size() == events_.size());
  for (std::size_t e = 0; e < positions.size(); ++e) {
    // The others were refused.
    if (positions[e] != 0) placed.push_back({positions[e], events_[e]->id});
  }
  return placed;
}

absl::Status AppendBatch::RefusalOf(const AppendRequest& request, int verdict,
                                    std::int64_t version) {
  if (verdict == kTombstoned) {
    return absl::FailedPreconditionError(
        absl::StrCat("stream ", Quoted(request.stream_id), " is tombstoned"));
  }
  const absl::Status conflict = VersionConflictError(
      {request.stream_id, request.expected_version.ToString(), version});
  if (verdict == kConflict) return conflict;
  return Annotate(conflict, "some of the event ids are already there");
}

std::vector<std::string> AppendBatch::HeldStreamsOf(
    std::size_t unit, const Verdicts& verdicts) const {
  std::vector<std::string> held;
  for (const std::size_t p : parts_of_unit_[unit]) {
    if (verdicts.Of(p) == kHeld) held.push_back(parts_[p].request->stream_id);
  }
  return held;
}

UnitResult AppendBatch::ResultOf(
    std::size_t unit, const Verdicts& verdicts,
    const std::vector<std::int64_t>& positions) const {
  for (std::size_t r = 0; r < units_[unit].size(); ++r) {
    const std::size_t p = parts_of_unit_[unit][r];
    const int verdict = verdicts.Of(p);
    if (verdict == kHeld) return HeldStreamError(units_[unit][r].stream_id);
    if (verdict == kConflict || verdict == kTombstoned ||
        verdict == kIdsDiffer) {
      return RefusalOf(units_[unit][r], verdict, verdicts.versions[p]);
    }
  }
  std::vector<AppendResult> results;
  for (const std::size_t p : parts_of_unit_[unit]) {
    STELE_CHECK(verdicts.Of(p) != kUnitRefused);
    if (verdicts.Of(p) == kRepeated) {
      results.push_back({verdicts.repeated_first[p], verdicts.repeated_last[p],
                         verdicts.repeated_position[p], true});
      continue;
    }
    const auto count =
        static_cast<std::int64_t>(parts_[p].request->events.size());
    const auto last = static_cast<std::size_t>(parts_[p].start - 2 + count);
    results.push_back({verdicts.versions[p] + 1, verdicts.versions[p] + count,
                       positions.at(last), false});
  }
  return results;
}

std::vector<UnitOutcome> AppendBatch::AppendOutcomes(
    const Result& result) const {
  const Verdicts verdicts = ParseVerdicts(result, 0);
  const std::vector<std::int64_t> positions =
      result.GetInt8s(0, kAppendPositions);
  std::vector<UnitOutcome> outcomes;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    outcomes.push_back(
        {ResultOf(u, verdicts, positions), HeldStreamsOf(u, verdicts)});
  }
  return outcomes;
}

std::vector<std::optional<UnitResult>> AppendBatch::CheckResults(
    const Result& checked) const {
  const Verdicts verdicts = ParseVerdicts(checked, kCheckVersions);
  std::vector<std::optional<UnitResult>> results;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    const auto is_to_write = [&](std::size_t p) {
      return verdicts.Of(p) == kAppended;
    };
    if (std::all_of(parts_of_unit_[u].begin(), parts_of_unit_[u].end(),
                    is_to_write)) {
      results.emplace_back(std::nullopt);
    } else {
      results.emplace_back(ResultOf(u, verdicts, {}));
    }
  }
  return results;
}

std::vector<UnitResult> AppendBatch::WriteResults(const Result& checked,
                                                  const Result& written) const {
  const Verdicts verdicts = ParseVerdicts(checked, kCheckVersions);
  const std::vector<std::int64_t> positions = written.GetInt8s(0, 0);
  std::vector<UnitResult> results;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    results.push_back(ResultOf(u, verdicts, positions));
  }
  return results;
}

std::vector<RecordedEvent> AppendBatch::ToBeRecorded(
    const Result& checked) const {
  const Verdicts verdicts = ParseVerdicts(checked, kCheckVersions);
  const absl::Time recorded_at = checked.GetTimestamp(0, kCheckRecordedAt);
  std::vector<RecordedEvent> events;
  for (const std::vector<std::size_t>& of_unit : parts_of_unit_) {
    for (const std::size_t p : of_unit) {
      if (verdicts.Of(p) != kAppended) continue;
      std::int64_t version = verdicts.versions[p];
      for (const NewEvent& event : parts_[p].request->events) {
        events.push_back({.stream_id = parts_[p].request->stream_id,
                          .version = ++version,
                          .position = 0,
                          .recorded_at = recorded_at,
                          .id = event.id,
                          .type = event.type,
                          .payload = event.payload,
                          .metadata = event.metadata});
      }
    }
  }
  return events;
}

}  // namespace stele::postgres_store
