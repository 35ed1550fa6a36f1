#include "postgres_append_batch.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "stele/base/check.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::postgres_store {
namespace {

using postgres::Params;
using postgres::Result;

// Verdicts of 0002_append.sql.
constexpr int kAppended = 0, kConflict = 1, kTombstoned = 2, kRepeated = 3,
              kIdsDiffer = 4, kUnitRefused = 5, kHeld = 7;

// Columns of append_check(); those of append() begin with the second.
constexpr int kCheckKeys = 0, kCheckVersions = 1, kCheckVerdicts = 2,
              kCheckRecordedAt = 6;

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

AppendBatch::AppendBatch(std::vector<AppendUnit> units)
    : units_(std::move(units)), parts_of_unit_(units_.size()) {
  std::int32_t start = 1;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    for (const AppendRequest& request : units_[u]) {
      parts_.push_back({&request, static_cast<std::int32_t>(u + 1), start});
      start += static_cast<std::int32_t>(request.events.size());
    }
  }
  std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) {
    return a.request->stream_id < b.request->stream_id;
  });
  events_.resize(static_cast<std::size_t>(start - 1));
  owners_.resize(events_.size());
  type_ids_.resize(events_.size());
  category_ids_.resize(parts_.size());
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const Part& part = parts_[p];
    const std::size_t unit = static_cast<std::size_t>(part.unit - 1);
    auto& of_unit = parts_of_unit_[unit];
    of_unit.resize(units_[unit].size());
    of_unit[static_cast<std::size_t>(part.request - units_[unit].data())] = p;
    for (std::size_t e = 0; e < part.request->events.size(); ++e) {
      const std::size_t at = static_cast<std::size_t>(part.start) - 1 + e;
      events_[at] = &part.request->events[e];
      owners_[at] = static_cast<std::int32_t>(p + 1);
    }
    has_ids_ = has_ids_ || RepeatId(part).has_value();
    const std::int64_t expected = part.request->expected_version.raw();
    may_create_ = may_create_ || expected == 0 || expected == -1;
  }
}

// By what a repetition of the part is recognized where versions do not tell.
std::optional<Uuid> AppendBatch::RepeatId(const Part& part) const {
  if (part.request->command_id.has_value()) return part.request->command_id;
  if (part.request->expected_version.is_exact()) return std::nullopt;
  return part.request->events.front().id;
}

AppendBatch::MissingNames AppendBatch::Resolve(const KnownNames& known) {
  MissingNames missing;
  absl::flat_hash_map<std::string_view, std::int32_t> types;
  for (std::size_t e = 0; e < events_.size(); ++e) {
    const auto [it, is_new] = types.try_emplace(events_[e]->type, 0);
    if (is_new) {
      it->second = known.types.IdOf(it->first).value_or(0);
      if (it->second == 0) missing.types.push_back(it->first);
    }
    type_ids_[e] = it->second;
  }
  absl::flat_hash_map<std::string_view, std::int32_t> categories;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const auto [it, is_new] =
        categories.try_emplace(CategoryOf(parts_[p].request->stream_id), 0);
    if (is_new) {
      it->second = known.categories.IdOf(it->first).value_or(0);
      if (it->second == 0) missing.categories.push_back(it->first);
    }
    category_ids_[p] = it->second;
  }
  return missing;
}

void AppendBatch::AddRepeatIds(Params& params) const {
  std::vector<std::optional<Uuid>> ids;
  const auto are_commands = std::make_unique<bool[]>(parts_.size());
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    ids.push_back(RepeatId(parts_[p]));
    are_commands[p] = parts_[p].request->command_id.has_value();
  }
  params.Uuids(ids).Bools({are_commands.get(), parts_.size()});
}

void AppendBatch::AddStreams(Params& params) const {
  std::vector<std::string_view> names;
  std::vector<std::int32_t> units;
  std::vector<std::int64_t> expected;
  for (const Part& part : parts_) {
    names.push_back(part.request->stream_id);
    units.push_back(part.unit);
    expected.push_back(part.request->expected_version.raw());
  }
  params.Texts(names)
      .Int4s(units)
      .Int4s(category_ids_)
      .Int8s(expected)
      .Bool(may_create_);
  AddRepeatIds(params);
}

void AppendBatch::AddStartsAndCounts(Params& params) const {
  std::vector<std::int32_t> starts;
  std::vector<std::int32_t> counts;
  for (const Part& part : parts_) {
    starts.push_back(part.start);
    counts.push_back(static_cast<std::int32_t>(part.request->events.size()));
  }
  params.Int4s(starts).Int4s(counts);
}

void AppendBatch::AddEventIds(Params& params) const {
  std::vector<std::optional<Uuid>> ids;
  for (const NewEvent* event : events_) ids.push_back(event->id);
  params.Uuids(ids);
}

void AppendBatch::AddEvents(Params& params) const {
  std::vector<std::string_view> metadata;
  std::vector<std::string_view> payloads;
  for (const NewEvent* event : events_) {
    metadata.push_back(event->metadata);
    payloads.push_back(event->payload);
  }
  params.Int4s(owners_);
  AddEventIds(params);
  params.Int4s(type_ids_).Byteas(metadata).Byteas(payloads);
}

Params AppendBatch::AppendParams(Wait wait) const {
  Params params;
  AddStreams(params);
  params.Bool(has_ids_);
  AddStartsAndCounts(params);
  AddEvents(params);
  params.Int4(static_cast<std::int32_t>(wait));
  return params;
}

Params AppendBatch::CheckParams() const {
  Params params;
  AddStreams(params);
  AddStartsAndCounts(params);
  AddEventIds(params);
  params.Int4(static_cast<std::int32_t>(Wait::kAsSessionMay));
  return params;
}

Params AppendBatch::WriteParams(const Result& checked) const {
  Params params;
  // Arrays go back as they came.
  params.Bytea(checked.GetRaw(0, kCheckKeys))
      .Bytea(checked.GetRaw(0, kCheckVersions));
  if (checked.IsNull(0, kCheckVerdicts)) {
    params.Null();
  } else {
    params.Bytea(checked.GetRaw(0, kCheckVerdicts));
  }
  params.Int4s(category_ids_);
  AddRepeatIds(params);
  params.Bool(has_ids_);
  AddStartsAndCounts(params);
  params.Bytea(checked.GetRaw(0, kCheckRecordedAt));
  AddEvents(params);
  return params;
}

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
