#include "tests/chaos/replay.h"

#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bank.stele.h"
#include "stele/base/status.h"

namespace stele::chaos {
namespace {

class Tables {
 public:
  absl::Status Take(const RecordedEvent& event) {
    if (event.type == EventTraits<bank::Deposited>::kType) {
      bank::Deposited paid;
      if (!paid.ParseFromString(event.payload)) return Unreadable();
      Add(event, paid.amount_cents(), "in", paid.transfer_id());
    } else {
      bank::Withdrawn took;
      if (!took.ParseFromString(event.payload)) return Unreadable();
      Add(event, took.amount_cents(), "out", took.transfer_id());
    }
    return absl::OkStatus();
  }

  std::string Lines() const {
    std::string lines;
    for (const auto& [account, cents] : balances_) {
      absl::StrAppend(&lines, "(", account, ",", cents, ")\n");
    }
    for (const auto& [day, sums] : turnover_) {
      absl::StrAppend(&lines, "(", day, ",", sums.first, ",", sums.second,
                      ")\n");
    }
    for (const auto& [transfer, count] : touches_) {
      absl::StrAppend(&lines, "(", transfer, ",", count, ")\n");
    }
    return lines;
  }

 private:
  static absl::Status Unreadable() {
    return absl::DataLossError("an event cannot be read");
  }

  void Add(const RecordedEvent& event, std::int64_t cents,
           const std::string& direction, const std::string& transfer) {
    balances_[std::string(IdOf(event.stream_id))] +=
        direction == "in" ? cents : -cents;
    const std::string day =
        absl::FormatTime("%Y-%m-%d", event.recorded_at, absl::UTCTimeZone());
    auto& [amount, count] = turnover_[absl::StrCat(day, ",", direction)];
    amount += cents;
    ++count;
    if (!transfer.empty()) ++touches_[transfer];
  }

  std::map<std::string, std::int64_t> balances_;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> turnover_;
  std::map<std::string, std::int64_t> touches_;
};

}  // namespace

absl::StatusOr<std::string> ReplayTables(EventStore& store) {
  Tables tables;
  ReadLogRequest request;
  LogProgress progress;
  do {
    request.after_position = progress.position;
    STELE_ASSIGN_OR_RETURN(progress,
                           store.ReadLog(request, [&](RecordedEvent event) {
                             return tables.Take(event);
                           }));
  } while (!progress.at_head);
  return tables.Lines();
}

}  // namespace stele::chaos
