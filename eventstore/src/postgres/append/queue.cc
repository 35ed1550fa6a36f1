#include "postgres/append/queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"

namespace stele::postgres_store {
namespace {

constexpr std::size_t kGroupBytesMax = 8 << 20;
constexpr std::size_t kGroupEventsMax = 20'000;

// How far back in the queue a group is gathered from when streams are in
// flight.
constexpr int kScanMax = 4096;

std::int64_t AppendsOf(AppendUnit unit) {
  return static_cast<std::int64_t>(unit.size());
}

bool ByNumber(const AppendQueue::Waiting& a, const AppendQueue::Waiting& b) {
  return a.number < b.number;
}

}  // namespace

// Gathers a group within its bounds.
class AppendQueue::GroupMaker {
 public:
  explicit GroupMaker(std::int64_t appends_max) : appends_max_(appends_max) {}

  bool HasRoomFor(const Waiting& waiting) const {
    return group_.empty() ||
           (appends_ + AppendsOf(waiting.unit) <= appends_max_ &&
            bytes_ + waiting.bytes <= kGroupBytesMax &&
            events_ + waiting.events <= kGroupEventsMax);
  }
  void Add(Waiting waiting) {
    appends_ += AppendsOf(waiting.unit);
    bytes_ += waiting.bytes;
    events_ += waiting.events;
    group_.push_back(std::move(waiting));
  }
  std::int64_t units() const {
    return static_cast<std::int64_t>(group_.size());
  }
  Group TakeGroup() { return std::move(group_); }

 private:
  const std::int64_t appends_max_;
  Group group_;
  std::int64_t appends_ = 0;
  std::size_t bytes_ = 0;
  std::size_t events_ = 0;
};

bool AppendQueue::Touches(AppendUnit unit, const Streams& streams) {
  if (streams.empty()) return false;
  return std::any_of(unit.begin(), unit.end(),
                     [&](const AppendRequest& request) {
                       return streams.contains(request.stream_id);
                     });
}

void AppendQueue::Push(AppendUnit unit, std::function<void(UnitResult)> done) {
  Waiting waiting{.unit = unit,
                  .done = std::move(done),
                  .since = absl::Now(),
                  .number = ++last_number_};
  for (const AppendRequest& request : unit) {
    waiting.events += request.events.size();
    for (const NewEvent& event : request.events) {
      waiting.bytes += event.payload.size() + event.metadata.size() + 64;
    }
  }
  appends_ += AppendsOf(unit);
  queue_.push_back(std::move(waiting));
}

// Takes out what `it` stands at, and moves it on.
AppendQueue::Waiting AppendQueue::Take(std::list<Waiting>& from,
                                       std::list<Waiting>::iterator& it) {
  Waiting waiting = std::move(*it);
  it = from.erase(it);
  appends_ -= AppendsOf(waiting.unit);
  if (&from == &parked_) parked_appends_ -= AppendsOf(waiting.unit);
  return waiting;
}

AppendQueue::Group AppendQueue::TakeGroup() {
  const std::int64_t outstanding =
      static_cast<std::int64_t>(queue_.size()) + in_flight_units_;
  const std::int64_t share = (outstanding + lanes_ - 1) / lanes_;
  GroupMaker group(group_appends_max_);
  // Whoever waits for a stream goes before all who came later.
  Streams held_back;
  int scanned = 0;
  for (auto it = queue_.begin();
       it != queue_.end() && scanned < kScanMax && group.units() < share;) {
    if (Touches(it->unit, held_)) {
      InsertParked(Take(queue_, it));
      continue;
    }
    if (!group.HasRoomFor(*it)) break;
    ++scanned;
    if (Touches(it->unit, in_flight_) || Touches(it->unit, held_back)) {
      for (const AppendRequest& request : it->unit) {
        held_back.insert(request.stream_id);
      }
      ++it;
      continue;
    }
    for (const AppendRequest& request : it->unit) {
      in_flight_.insert(request.stream_id);
    }
    group.Add(Take(queue_, it));
  }
  in_flight_units_ += group.units();
  return group.TakeGroup();
}

void AppendQueue::Release(const Group& group) {
  in_flight_units_ -= static_cast<std::int64_t>(group.size());
  for (const Waiting& waiting : group) {
    for (const AppendRequest& request : waiting.unit) {
      in_flight_.erase(request.stream_id);
    }
  }
}

void AppendQueue::InsertParked(Waiting waiting) {
  appends_ += AppendsOf(waiting.unit);
  parked_appends_ += AppendsOf(waiting.unit);
  auto behind = parked_.end();
  while (behind != parked_.begin() && ByNumber(waiting, *std::prev(behind))) {
    --behind;
  }
  parked_.insert(behind, std::move(waiting));
}

void AppendQueue::Park(Waiting waiting, const std::vector<std::string>& held) {
  held_.insert(held.begin(), held.end());
  held_in_round_.insert(held.begin(), held.end());
  InsertParked(std::move(waiting));
}

AppendQueue::Group AppendQueue::TakeParked() {
  GroupMaker group(group_appends_max_);
  Streams taken;
  for (auto it = parked_.begin(); it != parked_.end();) {
    if (it->round == round_ || Touches(it->unit, held_in_round_) ||
        Touches(it->unit, taken)) {
      ++it;
      continue;
    }
    if (!group.HasRoomFor(*it)) break;
    for (const AppendRequest& request : it->unit) {
      taken.insert(request.stream_id);
    }
    it->round = round_;
    group.Add(Take(parked_, it));
  }
  return group.TakeGroup();
}

AppendQueue::Group AppendQueue::TakeOneParked() {
  ++round_;
  held_in_round_.clear();
  auto next = parked_.end();
  Streams behind;  // The oldest that waits for a stream stands for all.
  for (auto it = parked_.begin(); it != parked_.end(); ++it) {
    if (!Touches(it->unit, behind) &&
        (next == parked_.end() || it->turn < next->turn)) {
      next = it;
    }
    for (const AppendRequest& request : it->unit) {
      if (held_.contains(request.stream_id)) behind.insert(request.stream_id);
    }
  }
  Group group;
  if (next == parked_.end()) return group;
  next->round = round_;
  next->turn = ++last_turn_;
  group.push_back(Take(parked_, next));
  return group;
}

void AppendQueue::Unhold(AppendUnit unit) {
  bool is_news = false;
  for (const AppendRequest& request : unit) {
    if (held_.erase(request.stream_id) > 0) is_news = true;
  }
  if (!is_news) return;
  std::list<Waiting> free;
  for (auto it = parked_.begin(); it != parked_.end();) {
    if (Touches(it->unit, held_)) {
      ++it;
      continue;
    }
    parked_appends_ -= AppendsOf(it->unit);
    free.splice(free.end(), parked_, it++);
  }
  queue_.merge(free, ByNumber);
}

const std::string* AppendQueue::HeldStreamOf(AppendUnit unit) const {
  for (const AppendRequest& request : unit) {
    if (held_.contains(request.stream_id)) return &request.stream_id;
  }
  return nullptr;
}

// Nobody would find out that these streams are no longer held.
void AppendQueue::ForgetUnwanted() {
  Streams wanted;
  for (const Waiting& waiting : parked_) {
    for (const AppendRequest& request : waiting.unit) {
      wanted.insert(request.stream_id);
    }
  }
  absl::erase_if(held_, [&](const std::string& stream_id) {
    return !wanted.contains(stream_id);
  });
}

AppendQueue::Group AppendQueue::TakeOlderThan(absl::Time time) {
  Group group;
  for (auto it = queue_.begin(); it != queue_.end() && it->since < time;) {
    group.push_back(Take(queue_, it));
  }
  const std::size_t unparked = group.size();
  for (auto it = parked_.begin(); it != parked_.end() && it->since < time;) {
    group.push_back(Take(parked_, it));
    group.back().held_by_others = HeldStreamOf(group.back().unit);
  }
  if (group.size() > unparked) ForgetUnwanted();
  return group;
}

AppendQueue::Group AppendQueue::TakeAll() {
  return TakeOlderThan(absl::InfiniteFuture());
}

}  // namespace stele::postgres_store
