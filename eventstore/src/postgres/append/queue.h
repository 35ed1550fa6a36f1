#ifndef STELE_EVENTSTORE_SRC_POSTGRES_APPEND_QUEUE_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_APPEND_QUEUE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "postgres/append/batch.h"

namespace stele::postgres_store {

// The units that wait to be appended, the oldest first.
//
// Those that touch a stream which another session holds are parked, apart from
// the others: so they are in nobody's way, and are tried again by themselves.
// Of two units that wait for one stream, the older one goes first; but nobody
// waits behind a parked unit for a stream that is not held.
//
// Not thread-safe.
class AppendQueue {
 public:
  struct Waiting {
    AppendUnit unit;
    std::function<void(UnitResult)> done;
    absl::Time since;
    std::size_t bytes = 0;
    std::size_t events = 0;
    std::int64_t number = 0;  // In order of arrival.
    std::int64_t round = 0;   // Of parked ones: when it was last looked at,
    std::int64_t turn = 0;    // and when it was last waited for.
    // Of those taken for their age: a stream that another session holds, null
    // if it waited for a connection only. Points into `unit`.
    const std::string* held_by_others = nullptr;
  };
  using Group = std::vector<Waiting>;

  // For `lanes` connections, with at most `group_appends_max` appends a group.
  AppendQueue(int lanes, int group_appends_max)
      : lanes_(lanes), group_appends_max_(group_appends_max) {}

  void Push(AppendUnit unit, std::function<void(UnitResult)> done);

  // The oldest units whose streams are in no group that was taken and not
  // released yet, nor held. Not all that wait, but one lane's share, so that
  // the other lanes are not left without work.
  Group TakeGroup();
  void Release(const Group& group);

  // Takes back a unit that was not appended because other sessions hold these
  // of its streams, or, if none, something else that it needs.
  void Park(Waiting waiting, const std::vector<std::string>& held);

  // Parked units to look at again, all at once: each one a round, and none of
  // whose streams was found to be held in this round.
  Group TakeParked();
  // The parked unit, if any, that is to be waited for next; they take turns.
  // Begins a new round.
  Group TakeOneParked();

  // A unit that was taken has come to its end, so nobody holds its streams:
  // those that were parked for them only are parked no longer.
  void Unhold(AppendUnit unit);

  // Takes out the units that came before `time`.
  Group TakeOlderThan(absl::Time time);
  Group TakeAll();

  bool empty() const { return queue_.empty(); }
  bool has_parked() const { return !parked_.empty(); }
  // What waits, parked or not, in appends to a stream each.
  std::int64_t appends() const { return appends_; }
  std::int64_t parked_appends() const { return parked_appends_; }

 private:
  using Streams = absl::flat_hash_set<std::string>;
  class GroupMaker;

  static bool Touches(AppendUnit unit, const Streams& streams);
  void InsertParked(Waiting waiting);
  Waiting Take(std::list<Waiting>& from, std::list<Waiting>::iterator& it);
  const std::string* HeldStreamOf(AppendUnit unit) const;
  void ForgetUnwanted();

  const std::int64_t lanes_;
  const std::int64_t group_appends_max_;
  std::list<Waiting> queue_;
  std::list<Waiting> parked_;
  std::int64_t appends_ = 0;
  std::int64_t parked_appends_ = 0;
  std::int64_t in_flight_units_ = 0;
  std::int64_t last_number_ = 0;
  std::int64_t round_ = 1;
  std::int64_t last_turn_ = 0;
  Streams in_flight_;
  Streams held_;
  Streams held_in_round_;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_APPEND_QUEUE_H_
