#include "postgres/append/batch.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace stele::postgres_store {

using postgres::Params;
using postgres::Result;

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

}  // namespace stele::postgres_store
