#include <signal.h>
#include <time.h>

#include <atomic>
#include <memory>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/eventstore/transaction.h"
#include "tests/chaos/history.h"
#include "tests/chaos/torture_roles.h"

namespace stele::chaos {
namespace {

std::atomic<bool> asked_to_end = false;

class Writer {
 public:
  Writer(EventStore& store, Journal& journal, std::uint64_t seed)
      : store_(store), journal_(journal), random_(seed) {}

  void Step() {
    const std::uint64_t lot = random_() % 100;
    if (lot < 60) {
      Append({Request(PickStream(), ExpectedVersion::Any())});
    } else if (lot < 75) {
      AppendExactly();
    } else if (lot < 85) {
      AppendToSeveral();
    } else if (lot < 95) {
      AppendSlowly();
    } else {
      Append({Request(absl::StrCat("one-", RandomIds().Next().ToString()),
                      ExpectedVersion::NoStream())});
    }
  }

 private:
  std::string PickStream() { return absl::StrCat("s-", random_() % 20); }

  // One to three events, written down before they leave.
  AppendRequest Request(std::string stream, ExpectedVersion expected,
                        bool is_slow = false) {
    AppendRequest request{.stream_id = std::move(stream),
                          .expected_version = expected};
    const std::uint64_t events = 1 + random_() % 3;
    for (std::uint64_t i = 0; i < events; ++i) {
      NewEvent event;
      event.id = RandomIds().Next();
      event.type = kEventType;
      event.payload = absl::StrCat(is_slow ? 0 : MonotonicMicros());
      journal_.Write(absl::StrCat("I ", event.id.ToString()));
      request.events.push_back(std::move(event));
    }
    return request;
  }

  void Append(std::vector<AppendRequest> requests) {
    Note(requests, store_.AppendAll(requests));
  }

  // At a version that others are after, too: often refused.
  void AppendExactly() {
    const std::string stream = PickStream();
    const auto info = store_.GetStream(stream);
    if (!info.ok()) return;
    Append({Request(stream, ExpectedVersion::Exactly(info->version))});
  }

  void AppendToSeveral() {
    const std::uint64_t first = random_() % 20;
    std::vector<AppendRequest> requests;
    for (std::uint64_t i = 0; i < 2 + random_() % 2; ++i) {
      requests.push_back(Request(absl::StrCat("s-", (first + 7 * i) % 20),
                                 ExpectedVersion::Any()));
    }
    Append(std::move(requests));
  }

  // Holds its positions for a while before it commits or rolls back. The pause
  // is the fault being tested, not a way to wait for something.
  void AppendSlowly() {
    const bool commits = random_() % 3 != 0;
    const auto pause = absl::Milliseconds(random_() % 50);
    std::vector<AppendRequest> requests = {
        Request(PickStream(), ExpectedVersion::Any(), true)};
    std::vector<AppendResult> results;
    const absl::Status status =
        store_.Transact([&](Transaction& tx) -> absl::Status {
          STELE_ASSIGN_OR_RETURN(results, tx.AppendAll(requests));
          absl::SleepFor(pause);
          if (!commits) return absl::CancelledError("rolled back on purpose");
          return absl::OkStatus();
        });
    if (status.ok()) {
      Note(requests, results);
    } else {
      Note(requests, status);
    }
  }

  void Note(const std::vector<AppendRequest>& requests,
            const absl::StatusOr<std::vector<AppendResult>>& results) {
    if (results.ok()) {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        NoteAcknowledged(requests[i], (*results)[i]);
      }
    } else if (!absl::IsUnknown(results.status())) {
      for (const AppendRequest& request : requests) {
        for (const NewEvent& event : request.events) {
          journal_.Write(absl::StrCat("R ", event.id.ToString()));
        }
      }
    }
  }

  void NoteAcknowledged(const AppendRequest& request,
                        const AppendResult& result) {
    for (std::size_t i = 0; i < request.events.size(); ++i) {
      const bool is_last = i + 1 == request.events.size();
      journal_.Write(absl::StrCat(
          "A ", request.events[i].id.ToString(), " ", request.stream_id, " ",
          result.first_version + static_cast<std::int64_t>(i), " ",
          is_last ? result.position : 0));
    }
  }

  EventStore& store_;
  Journal& journal_;
  std::mt19937_64 random_;
};

}  // namespace

std::int64_t MonotonicMicros() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
}

absl::Status RunWriter(const RoleOptions& options) {
  ::signal(SIGTERM, [](int) { asked_to_end = true; });
  PostgresEventStoreOptions store_options;
  store_options.dsn = options.dsn;
  store_options.schema = options.schema;
  STELE_ASSIGN_OR_RETURN(auto store,
                         OpenPostgresEventStore(std::move(store_options)));
  Journal journal(options.journal);
  Writer writer(*store, journal, options.seed);
  while (!asked_to_end) writer.Step();
  return absl::OkStatus();
}

}  // namespace stele::chaos
