#ifndef STELE_EVENTSTORE_SRC_POSTGRES_APPEND_BATCH_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_APPEND_BATCH_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "postgres/names.h"
#include "postgres/placed_event.h"
#include "stele/eventstore/event_store.h"
#include "stele/postgres/statement.h"

namespace stele::postgres_store {

// The requests of one AppendAll(): an atomic unit.
using AppendUnit = std::span<const AppendRequest>;
using UnitResult = absl::StatusOr<std::vector<AppendResult>>;

// What became of a unit.
struct UnitOutcome {
  UnitResult result;
  // The streams of the unit that other sessions hold. If there are any, nothing
  // was written, and `result` is the error to fail with if that does not
  // change.
  std::vector<std::string> held = {};
  // Nothing was written, and it is to be tried again, though no stream is held.
  bool must_wait = false;
};

// That nothing was written since another session holds a stream.
absl::Status HeldStreamError(const std::string& stream_id);

// Independent units on their way through the append functions of the schema
// (0003_append_check.sql says what the arrays mean). No stream occurs twice.
//
// Refers to the requests, which must outlive it. Not thread-safe.
class AppendBatch {
 public:
  explicit AppendBatch(std::vector<AppendUnit> units);

  // Names without a number, each once. Valid as long as the requests.
  struct MissingNames {
    std::vector<std::string_view> types;
    std::vector<std::string_view> categories;
    bool empty() const { return types.empty() && categories.empty(); }
  };
  // Looks up the numbers of all names and returns those that are not known.
  MissingNames Resolve(const KnownNames& known);

  // How long to wait for streams that other sessions hold.
  enum class Wait { kNot = 0, kMoment = 1, kAsSessionMay = 2 };

  // Parameters of append().
  // REQUIRES, as for the other parameters: Resolve() returned nothing missing.
  postgres::Params AppendParams(Wait wait) const;
  // One a unit, of what append() returned.
  std::vector<UnitOutcome> AppendOutcomes(const postgres::Result& result) const;

  // The same in two steps, waiting for streams as long as the session may.
  postgres::Params CheckParams() const;
  postgres::Params WriteParams(const postgres::Result& checked) const;
  // The results that are certain after the check: all but those of units that
  // are still to be written, which are nullopt.
  std::vector<std::optional<UnitResult>> CheckResults(
      const postgres::Result& checked) const;
  std::vector<UnitResult> WriteResults(const postgres::Result& checked,
                                       const postgres::Result& written) const;

  // The events of the units that passed the check, as they will be recorded but
  // for their position.
  std::vector<RecordedEvent> ToBeRecorded(
      const postgres::Result& checked) const;

  // The events that append() or append_write() gave positions, ascending.
  std::vector<PlacedEvent> Placed(const postgres::Result& result,
                                  int column) const;
  static constexpr int kAppendPositions = 5;  // Column of append().

 private:
  // Columns of append_check(); those of append() begin with the second.
  static constexpr int kCheckKeys = 0, kCheckVersions = 1, kCheckVerdicts = 2,
                       kCheckRecordedAt = 6;

  // One stream's part of a unit; ordered by name.
  struct Part {
    const AppendRequest* request = nullptr;
    std::int32_t unit = 0;   // 1-based, as are all numbers SQL sees.
    std::int32_t start = 0;  // Of its first event among all events.
  };
  // What the functions said of all parts.
  struct Verdicts;

  std::optional<Uuid> RepeatId(const Part& part) const;
  Verdicts ParseVerdicts(const postgres::Result& result, int first) const;
  UnitResult ResultOf(std::size_t unit, const Verdicts& verdicts,
                      const std::vector<std::int64_t>& positions) const;
  std::vector<std::string> HeldStreamsOf(std::size_t unit,
                                         const Verdicts& verdicts) const;
  static absl::Status RefusalOf(const AppendRequest& request, int verdict,
                                std::int64_t version);
  void AddStreams(postgres::Params& params) const;
  void AddEvents(postgres::Params& params) const;
  void AddEventIds(postgres::Params& params) const;
  void AddStartsAndCounts(postgres::Params& params) const;
  void AddRepeatIds(postgres::Params& params) const;

  std::vector<AppendUnit> units_;
  std::vector<Part> parts_;
  // The part of each request, by unit.
  std::vector<std::vector<std::size_t>> parts_of_unit_;
  std::vector<const NewEvent*> events_;
  std::vector<std::int32_t> owners_;        // 1-based part of each event.
  std::vector<std::int32_t> type_ids_;      // Of each event; 0 = not known.
  std::vector<std::int32_t> category_ids_;  // Of each part.
  bool has_ids_ = false;
  bool may_create_ = false;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_APPEND_BATCH_H_
