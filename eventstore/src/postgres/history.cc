#include "postgres/history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele::postgres_store {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kDoing = "asking the server for its history";

}  // namespace

absl::Status HistoryLostError() {
  return absl::DataLossError(
      "the log went back: its server was restored, or took over without the "
      "last commits, so positions seen before may stand for other events now; "
      "see \"After a restore\" in docs/operating/failures.md");
}

History::History(const Statements& statements, Uuid epoch,
                 absl::Duration timeout)
    : statements_(statements), timeout_(timeout), epoch_(epoch) {}

Uuid History::epoch() const {
  absl::MutexLock lock(&mutex_);
  return epoch_;
}

std::uint64_t History::number() const {
  absl::MutexLock lock(&mutex_);
  return number_;
}

ServerRunPtr History::current() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

void History::Saw(std::span<const PlacedEvent> events, std::uint64_t history) {
  absl::MutexLock lock(&mutex_);
  if (history != number_) return;  // A late answer of the lost one.
  for (const PlacedEvent& event : events) {
    if (event.position > greatest_.position) greatest_ = event;
    if (witnesses_.size() == kWitnessesMax) witnesses_.pop_front();
    witnesses_.push_back(event);
  }
}

asio::awaitable<absl::StatusOr<ServerRunPtr>> History::Admit(
    postgres::AsyncConnection& connection, absl::Duration timeout) {
  timeout = std::min(timeout, timeout_);
  while (true) {
    std::uint64_t number = 0;
    Uuid epoch;
    std::vector<PlacedEvent> witnesses;
    {
      absl::MutexLock lock(&mutex_);
      number = number_;
      epoch = epoch_;
      witnesses.assign(witnesses_.begin(), witnesses_.end());
      if (greatest_.position > 0) witnesses.push_back(greatest_);
    }
    auto shown = co_await Ask(connection, witnesses, timeout);
    STELE_CO_RETURN_IF_ERROR(shown);
    if (shown->missing.has_value() && shown->epoch == epoch) {
      auto changed = co_await ChangeEpoch(connection, epoch, timeout);
      STELE_CO_RETURN_IF_ERROR(changed);
      shown->epoch = *changed;
    }
    // Another session may have found out meanwhile.
    if (this->number() != number) continue;
    if (shown->epoch != epoch) Accept(*shown);
    co_return Enter(*shown);
  }
}

asio::awaitable<absl::StatusOr<History::Shown>> History::Ask(
    postgres::AsyncConnection& connection,
    const std::vector<PlacedEvent>& witnesses, absl::Duration timeout) {
  std::vector<std::int64_t> positions;
  std::vector<std::optional<Uuid>> ids;
  for (const PlacedEvent& witness : witnesses) {
    positions.push_back(witness.position);
    ids.emplace_back(witness.id);
  }
  postgres::Params params;
  params.Int8s(positions).Uuids(ids);
  auto row =
      co_await connection.Execute(kDoing, statements_.history, params, timeout);
  STELE_CO_RETURN_IF_ERROR(row);
  if (row->rows() != 1) {
    co_return absl::DataLossError("the store has lost its row in `store`");
  }
  if (row->GetBool(0, 0)) {
    // It may lack commits that it is about to get.
    co_return absl::UnavailableError(
        "the server is a standby, or is still being restored");
  }
  Shown shown;
  shown.identity = std::string(row->GetBytes(0, 1));
  shown.epoch = row->GetUuid(0, 2);
  shown.last_position = row->GetInt8(0, 4);
  if (!row->IsNull(0, 3)) shown.missing = row->GetInt8(0, 3);
  co_return shown;
}

// The epoch that is true afterwards: a new one, or that of who came first.
asio::awaitable<absl::StatusOr<Uuid>> History::ChangeEpoch(
    postgres::AsyncConnection& connection, const Uuid& from,
    absl::Duration timeout) {
  postgres::Params params;
  params.Uuid(from);
  auto row = co_await connection.Execute(kDoing, statements_.change_epoch,
                                         params, timeout);
  STELE_CO_RETURN_IF_ERROR(row);
  co_return row->GetUuid(0, 0);
}

void History::Accept(const Shown& shown) {
  {
    absl::MutexLock lock(&mutex_);
    epoch_ = shown.epoch;
    ++number_;
    witnesses_.clear();
    greatest_ = PlacedEvent();
  }
  const std::optional<std::int64_t> missing = shown.missing;
  Log(LogLevel::kError, "the log is not the one it was",
      {{"epoch", shown.epoch.ToString()},
       {"missing_position", missing ? absl::StrCat(*missing) : "unknown"},
       {"last_position", absl::StrCat(shown.last_position)},
       {"cause", missing ? "the server lost events that were committed"
                         : "the store's epoch was changed"}});
}

ServerRunPtr History::Enter(const Shown& shown) {
  absl::MutexLock lock(&mutex_);
  if (current_ == nullptr || current_->identity != shown.identity ||
      current_->epoch != shown.epoch) {
    current_ = std::make_shared<ServerRun>();
    current_->identity = shown.identity;
    current_->epoch = shown.epoch;
    current_->history = number_;
    current_->number = ++runs_;
  }
  return current_;
}

bool AdmittedConnection::IsAttached() {
  return run_ != nullptr && run_ == history_.current() &&
         connection_.LooksAlive();
}

asio::awaitable<absl::Status> AdmittedConnection::Attach(
    absl::Duration timeout) {
  if (IsAttached()) co_return absl::OkStatus();
  run_ = nullptr;
  connection_.Close();
  STELE_CO_RETURN_IF_ERROR(co_await connection_.Connect(timeout));
  auto run = co_await history_.Admit(connection_, timeout);
  if (!run.ok()) {
    connection_.Close();
    co_return run.status();
  }
  run_ = *std::move(run);
  co_return absl::OkStatus();
}

}  // namespace stele::postgres_store
