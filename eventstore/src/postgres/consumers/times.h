#ifndef STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_TIMES_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_TIMES_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "stele/postgres/statement.h"

namespace stele::postgres_store {

// PostgreSQL's years end before absl's do: what is later than this is for ever.
inline absl::Time LastTime() { return absl::FromUnixSeconds(200'000'000'000); }

inline void AddTime(postgres::Params& params, absl::Time time) {
  params.Timestamp(std::min(time, LastTime()));
}

inline absl::Time TimeOf(const postgres::Result& result, int row, int column) {
  constexpr std::int64_t kForeverMicros = std::int64_t{1} << 60;
  const std::int64_t raw = result.GetInt8(row, column);
  if (raw >= kForeverMicros) return absl::InfiniteFuture();
  if (raw <= -kForeverMicros) return absl::InfinitePast();
  const absl::Time time = result.GetTimestamp(row, column);
  return time >= LastTime() ? absl::InfiniteFuture() : time;
}

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_TIMES_H_
