#include "in_memory/transaction.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "validate.h"

namespace stele::in_memory {
namespace {

const Stream* FindStream(const State& state, const std::string& stream_id) {
  const auto it = state.streams.find(stream_id);
  return it == state.streams.end() ? nullptr : &it->second;
}

absl::Status Conflict(const AppendRequest& request, std::int64_t actual) {
  return VersionConflictError(
      {request.stream_id, request.expected_version.ToString(), actual});
}

std::vector<RecordedEvent> WithoutPositions(const AppendRequest& request,
                                            std::int64_t version,
                                            absl::Time now) {
  std::vector<RecordedEvent> events;
  events.reserve(request.events.size());
  for (const NewEvent& event : request.events) {
    events.push_back({.stream_id = request.stream_id,
                      .version = ++version,
                      .position = 0,
                      .recorded_at = now,
                      .id = event.id,
                      .type = event.type,
                      .payload = event.payload,
                      .metadata = event.metadata});
  }
  return events;
}

}  // namespace

InMemoryTransaction::StagedStream& InMemoryTransaction::Staged(
    const std::string& stream_id) {
  const auto [it, is_new] = streams_.try_emplace(stream_id);
  if (is_new) {
    if (const Stream* stream = FindStream(core_.committed(), stream_id)) {
      it->second.version = static_cast<std::int64_t>(stream->events.size());
      it->second.is_tombstoned = stream->is_tombstoned;
    }
  }
  return it->second;
}

const AppendResult* InMemoryTransaction::FindCommand(
    const std::string& stream_id, const Uuid& command_id) {
  StagedStream& staged = Staged(stream_id);
  const auto it = staged.result_of.find(command_id);
  if (it != staged.result_of.end()) return &it->second;
  const Stream* stream = FindStream(core_.committed(), stream_id);
  if (stream == nullptr) return nullptr;
  const auto found = stream->result_of.find(command_id);
  return found == stream->result_of.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> InMemoryTransaction::FindListed(
    const std::string& stream_id, const Uuid& id) {
  const StagedStream& staged = Staged(stream_id);
  const auto it = staged.listed.find(id);
  if (it != staged.listed.end()) return it->second;
  const Stream* stream = FindStream(core_.committed(), stream_id);
  if (stream == nullptr) return std::nullopt;
  const auto found = stream->listed.find(id);
  if (found == stream->listed.end()) return std::nullopt;
  return found->second;
}

const RecordedEvent& InMemoryTransaction::EventAt(const std::string& stream_id,
                                                  std::int64_t version) {
  const StagedStream& staged = Staged(stream_id);
  const auto committed =
      staged.version - static_cast<std::int64_t>(staged.events.size());
  if (version > committed) {
    return staged.events[static_cast<std::size_t>(version - committed - 1)];
  }
  const Stream* stream = FindStream(core_.committed(), stream_id);
  return *stream->events[static_cast<std::size_t>(version - 1)];
}

// True iff the stream has the events of `request` from version `first` on.
bool InMemoryTransaction::IsAt(const AppendRequest& request,
                               std::int64_t first) {
  const auto count = static_cast<std::int64_t>(request.events.size());
  if (first < 1 || first + count - 1 > Staged(request.stream_id).version) {
    return false;
  }
  std::int64_t version = first;
  return std::all_of(
      request.events.begin(), request.events.end(), [&](const NewEvent& event) {
        return EventAt(request.stream_id, version++).id == event.id;
      });
}

// Looks where AppendAll() says.
InMemoryTransaction::Met InMemoryTransaction::Meet(
    const AppendRequest& request) {
  const std::int64_t actual = Staged(request.stream_id).version;
  if (actual == 0) return {};
  absl::flat_hash_set<Uuid> ids;
  for (const NewEvent& event : request.events) ids.insert(event.id);
  const ExpectedVersion expected = request.expected_version;
  if (expected.is_exact() && expected.Accepts(actual) &&
      !ids.contains(EventAt(request.stream_id, actual).id)) {
    return {};
  }
  std::vector<std::int64_t> candidates;
  for (const NewEvent& event : request.events) {
    const auto listed = FindListed(request.stream_id, event.id);
    if (!listed.has_value()) continue;
    candidates.push_back(*listed);
    break;
  }
  for (std::int64_t version = std::max<std::int64_t>(actual - kRecentEvents, 0);
       ++version <= actual;) {
    if (!ids.contains(EventAt(request.stream_id, version).id)) continue;
    candidates.push_back(version);
    break;
  }
  const bool in_part = !candidates.empty();
  if (expected.is_exact()) candidates.push_back(expected.raw() + 1);
  for (const std::int64_t first : candidates) {
    if (IsAt(request, first)) return {first, true};
  }
  return {0, in_part};
}

absl::StatusOr<InMemoryTransaction::Verdict> InMemoryTransaction::Judge(
    const AppendRequest& request) {
  Verdict verdict{.stream = &Staged(request.stream_id), .result = {}};
  if (request.command_id.has_value()) {
    if (const AppendResult* first =
            FindCommand(request.stream_id, *request.command_id)) {
      verdict.result = *first;
      verdict.result.was_duplicate = true;
      return verdict;
    }
  }
  const auto count = static_cast<std::int64_t>(request.events.size());
  const Met met = Meet(request);
  if (met.first != 0) {
    const std::int64_t last = met.first + count - 1;
    verdict.result = {met.first, last,
                      EventAt(request.stream_id, last).position, true};
    return verdict;
  }
  if (verdict.stream->is_tombstoned) {
    return absl::FailedPreconditionError(
        absl::StrCat("stream ", Quoted(request.stream_id), " is tombstoned"));
  }
  const std::int64_t actual = verdict.stream->version;
  if (met.in_part) {
    return Annotate(Conflict(request, actual),
                    "some of the event ids are already there");
  }
  if (!request.expected_version.Accepts(actual)) {
    return Conflict(request, actual);
  }
  verdict.result.first_version = actual + 1;
  verdict.result.version = actual + count;
  return verdict;
}

// A unit that was there in part is no repeat of anything.
absl::Status InMemoryTransaction::RefuseHalfRepeats(
    std::span<const AppendRequest> requests,
    std::span<const Verdict> verdicts) {
  const auto is_repeat = [](const Verdict& verdict) {
    return verdict.result.was_duplicate;
  };
  if (std::all_of(verdicts.begin(), verdicts.end(), is_repeat)) {
    return absl::OkStatus();
  }
  const auto repeat = std::find_if(verdicts.begin(), verdicts.end(), is_repeat);
  if (repeat == verdicts.end()) return absl::OkStatus();
  return Annotate(
      Conflict(requests[static_cast<std::size_t>(repeat - verdicts.begin())],
               repeat->stream->version),
      "only some streams of the append are there already");
}

void InMemoryTransaction::Stage(const AppendRequest& request,
                                Verdict& verdict) {
  StagedStream& stream = *verdict.stream;
  const bool is_listed =
      !request.expected_version.is_exact() && !request.command_id.has_value();
  for (RecordedEvent& event :
       WithoutPositions(request, stream.version, core_.Now())) {
    event.position = core_.committed().head() + ++staged_events_;
    verdict.result.position = event.position;
    if (is_listed) stream.listed[event.id] = event.version;
    stream.version = event.version;
    stream.events.push_back(std::move(event));
  }
  if (request.command_id.has_value()) {
    stream.result_of[*request.command_id] = verdict.result;
  }
}

absl::StatusOr<std::vector<AppendResult>> InMemoryTransaction::AppendAll(
    std::span<const AppendRequest> requests,
    const std::function<absl::Status(std::span<const RecordedEvent>)>&
        inline_work) {
  STELE_RETURN_IF_ERROR(failure_);
  STELE_RETURN_IF_ERROR(Fail(ValidateAppend(requests)));
  std::vector<Verdict> verdicts;
  std::vector<RecordedEvent> to_be;
  for (const AppendRequest& request : requests) {
    absl::StatusOr<Verdict> verdict = Judge(request);
    STELE_RETURN_IF_ERROR(Fail(verdict.status()));
    if (inline_work && !verdict->result.was_duplicate) {
      const std::vector<RecordedEvent> events =
          WithoutPositions(request, verdict->stream->version, core_.Now());
      to_be.insert(to_be.end(), events.begin(), events.end());
    }
    verdicts.push_back(*std::move(verdict));
  }
  STELE_RETURN_IF_ERROR(Fail(RefuseHalfRepeats(requests, verdicts)));
  if (inline_work && !to_be.empty()) {
    STELE_RETURN_IF_ERROR(Fail(inline_work(to_be)));
  }
  std::vector<AppendResult> results;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!verdicts[i].result.was_duplicate) Stage(requests[i], verdicts[i]);
    results.push_back(verdicts[i].result);
  }
  return results;
}

ConsumerState* InMemoryTransaction::MutableConsumer(const std::string& name) {
  const auto staged = consumers_.find(name);
  if (staged != consumers_.end()) return &staged->second;
  const auto committed = core_.committed().consumers.find(name);
  if (committed == core_.committed().consumers.end()) return nullptr;
  return &consumers_.emplace(name, committed->second).first->second;
}

absl::Status InMemoryTransaction::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = status;
  return status;
}

absl::Status InMemoryTransaction::Commit() {
  STELE_RETURN_IF_ERROR(failure_);
  core_.Commit(
      [this](State& state) {
        state.log.resize(state.log.size() +
                         static_cast<std::size_t>(staged_events_));
        for (auto& [stream_id, staged] : streams_) {
          if (staged.events.empty()) continue;
          Stream& stream = state.streams[stream_id];
          for (RecordedEvent& event : staged.events) {
            auto kept = std::make_shared<const RecordedEvent>(std::move(event));
            state.log[static_cast<std::size_t>(kept->position - 1)] = kept;
            stream.events.push_back(std::move(kept));
          }
          stream.listed.insert(staged.listed.begin(), staged.listed.end());
          stream.result_of.insert(staged.result_of.begin(),
                                  staged.result_of.end());
        }
        for (auto& [name, consumer] : consumers_) {
          state.consumers[name] = std::move(consumer);
        }
      },
      effects_);
  return absl::OkStatus();
}

}  // namespace stele::in_memory
