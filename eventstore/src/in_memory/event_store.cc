#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "in_memory/consumers.h"
#include "in_memory/core.h"
#include "in_memory/transaction.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/in_memory.h"
#include "validate.h"

namespace stele {
namespace {

using in_memory::Core;
using in_memory::EventPtr;
using in_memory::InMemoryTransaction;
using in_memory::State;
using in_memory::Stream;

// Events copied under one lock before their visitor runs without it.
constexpr std::int64_t kPageEvents = 512;

const Stream* FindStream(const State& state, const std::string& stream_id) {
  const auto it = state.streams.find(stream_id);
  return it == state.streams.end() ? nullptr : &it->second;
}

absl::Status Tombstoned(const std::string& stream_id) {
  return absl::NotFoundError(
      absl::StrCat("stream ", Quoted(stream_id), " is tombstoned"));
}

bool Passes(const ReadLogRequest& request, const RecordedEvent& event) {
  const auto holds = [](const std::vector<std::string>& wanted,
                        std::string_view value) {
    return wanted.empty() ||
           std::find(wanted.begin(), wanted.end(), value) != wanted.end();
  };
  return holds(request.types, event.type) &&
         holds(request.categories, CategoryOf(event.stream_id));
}

// Guarded once for a page, not once for an event.
absl::Status VisitAll(const std::vector<EventPtr>& page,
                      absl::FunctionRef<absl::Status(RecordedEvent)> visit) {
  return InvokeUser("the visitor", [&]() -> absl::Status {
    for (const EventPtr& event : page) {
      STELE_RETURN_IF_ERROR(visit(*event));
    }
    return absl::OkStatus();
  });
}

class InMemoryEventStore final : public EventStore {
 public:
  explicit InMemoryEventStore(Clock& clock)
      : core_(clock), consumers_(core_), epoch_(RandomIds().Next()) {}

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override {
    std::vector<AppendResult> results;
    STELE_RETURN_IF_ERROR(Transact([&](Transaction& tx) -> absl::Status {
      STELE_ASSIGN_OR_RETURN(results, tx.AppendAll(requests));
      return absl::OkStatus();
    }));
    return results;
  }

  absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    STELE_RETURN_IF_ERROR(ValidateReadStream(request));
    std::optional<std::int64_t> next = request.from_version;
    std::int64_t left = request.limit;
    while (true) {
      STELE_ASSIGN_OR_RETURN(
          const std::vector<EventPtr> page,
          ReadStreamPage(request, next, std::min(left, kPageEvents)));
      if (page.empty()) return absl::OkStatus();
      STELE_RETURN_IF_ERROR(VisitAll(page, visit));
      left -= static_cast<std::int64_t>(page.size());
      const bool is_forwards = request.direction == Direction::kForwards;
      next = page.back()->version + (is_forwards ? 1 : -1);
    }
  }

  absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override {
    STELE_RETURN_IF_ERROR(ValidateReadLog(request));
    STELE_ASSIGN_OR_RETURN(const std::int64_t head, Head());
    STELE_RETURN_IF_ERROR(ValidateReached(request.after_position, head));
    std::int64_t position = request.after_position;
    const std::int64_t end =
        std::min(head, EndOfRead(position, request.positions_max));
    std::int64_t left = request.limit;
    while (left > 0 && position < end) {
      std::vector<EventPtr> page;
      position = ReadLogPage(request, position, end,
                             std::min(left, kPageEvents), page);
      left -= static_cast<std::int64_t>(page.size());
      STELE_RETURN_IF_ERROR(VisitAll(page, visit));
    }
    return LogProgress{position, position >= head};
  }

  absl::StatusOr<std::int64_t> Head() override {
    return core_.Reading([](const State& state) { return state.head(); });
  }

  absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                           absl::Time deadline) override {
    return core_.WaitForHead(position, deadline);
  }

  void Interrupt() override { core_.Interrupt(); }

  absl::StatusOr<StreamInfo> GetStream(const std::string& stream_id) override {
    STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
    return core_.Reading([&](const State& state) {
      StreamInfo info;
      if (const Stream* stream = FindStream(state, stream_id)) {
        info.version = static_cast<std::int64_t>(stream->events.size());
        info.last_position = stream->events.back()->position;
        info.is_tombstoned = stream->is_tombstoned;
      }
      return info;
    });
  }

  absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) override {
    STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
    return core_.Reading([&](const State& state) {
      std::optional<AppendResult> result;
      if (const Stream* stream = FindStream(state, stream_id)) {
        const auto it = stream->result_of.find(command_id);
        if (it != stream->result_of.end()) {
          result = it->second;
          result->was_duplicate = true;
        }
      }
      return result;
    });
  }

  absl::Status Tombstone(const std::string& stream_id,
                         ExpectedVersion expected_version) override {
    STELE_RETURN_IF_ERROR(ValidateTombstone(stream_id, expected_version));
    return core_.Writing([&]() -> absl::Status {
      const Stream* stream = FindStream(core_.committed(), stream_id);
      if (stream == nullptr) {
        return absl::NotFoundError(
            absl::StrCat("there is no stream ", Quoted(stream_id)));
      }
      if (stream->is_tombstoned) return absl::OkStatus();
      const auto version = static_cast<std::int64_t>(stream->events.size());
      if (!expected_version.Accepts(version)) {
        return VersionConflictError(
            {stream_id, expected_version.ToString(), version});
      }
      core_.Commit([&](State& state) {
        state.streams[stream_id].is_tombstoned = true;
        state.snapshots.erase(stream_id);
      });
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::optional<Snapshot>> LoadSnapshot(
      const std::string& stream_id) override {
    STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
    return core_.Reading([&](const State& state) {
      const auto it = state.snapshots.find(stream_id);
      return it == state.snapshots.end() ? std::optional<Snapshot>()
                                         : std::optional<Snapshot>(it->second);
    });
  }

  absl::Status SaveSnapshot(const Snapshot& snapshot) override {
    STELE_RETURN_IF_ERROR(ValidateSnapshot(snapshot));
    return core_.Writing([&]() -> absl::Status {
      const Stream* stream = FindStream(core_.committed(), snapshot.stream_id);
      const bool is_there = stream != nullptr && !stream->is_tombstoned;
      STELE_RETURN_IF_ERROR(CheckSnapshot(
          snapshot,
          is_there ? static_cast<std::int64_t>(stream->events.size()) : 0));
      core_.Commit([&](State& state) {
        Snapshot& kept = state.snapshots[snapshot.stream_id];
        if (snapshot.version >= kept.version) kept = snapshot;
      });
      return absl::OkStatus();
    });
  }

  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    return core_.Writing([&]() -> absl::Status {
      InMemoryTransaction tx(core_);
      STELE_RETURN_IF_ERROR(
          InvokeUser("the work of a transaction", [&] { return work(tx); }));
      return tx.Commit();
    });
  }

  ConsumerStorage& consumers() override { return consumers_; }
  absl::StatusOr<Uuid> Epoch() override { return epoch_; }

 private:
  absl::StatusOr<std::vector<EventPtr>> ReadStreamPage(
      const ReadStreamRequest& request, std::optional<std::int64_t> from,
      std::int64_t limit) {
    using Page = absl::StatusOr<std::vector<EventPtr>>;
    return core_.Reading([&](const State& state) -> Page {
      std::vector<EventPtr> page;
      const Stream* stream = FindStream(state, request.stream_id);
      if (stream == nullptr) return page;
      if (stream->is_tombstoned) return Tombstoned(request.stream_id);
      const auto last = static_cast<std::int64_t>(stream->events.size());
      const bool is_forwards = request.direction == Direction::kForwards;
      std::int64_t version = is_forwards
                                 ? std::max<std::int64_t>(from.value_or(1), 1)
                                 : std::min(from.value_or(last), last);
      while (version >= 1 && version <= last &&
             static_cast<std::int64_t>(page.size()) < limit) {
        page.push_back(stream->events[static_cast<std::size_t>(version - 1)]);
        version += is_forwards ? 1 : -1;
      }
      return page;
    });
  }

  // Puts the events that pass into `page`, and returns how far it came.
  std::int64_t ReadLogPage(const ReadLogRequest& request, std::int64_t after,
                           std::int64_t end, std::int64_t limit,
                           std::vector<EventPtr>& page) {
    return core_.Reading([&](const State& state) {
      std::int64_t position = after;
      while (position < end && static_cast<std::int64_t>(page.size()) < limit) {
        const EventPtr& event = state.log[static_cast<std::size_t>(position)];
        ++position;
        if (Passes(request, *event)) page.push_back(event);
      }
      return position;
    });
  }

  Core core_;
  in_memory::InMemoryConsumers consumers_;
  const Uuid epoch_;
};

}  // namespace

std::unique_ptr<EventStore> MakeInMemoryEventStore(Clock& clock) {
  return std::make_unique<InMemoryEventStore>(clock);
}

}  // namespace stele
