#include "postgres/consumers/statuses.h"

#include <map>
#include <string>

#include "consumers/owners.h"
#include "postgres/consumers/times.h"

namespace stele::postgres_store {
namespace {

using postgres::Result;
using OwnersByConsumer = std::map<std::string, std::vector<OwnerStanding>>;

OwnersByConsumer OwnersOf(const Result& rows) {
  OwnersByConsumer all;
  for (int row = 0; row < rows.rows(); ++row) {
    std::vector<OwnerStanding>& owners =
        all[std::string(rows.GetBytes(row, 0))];
    const std::string name(rows.GetBytes(row, 1));
    if (owners.empty() || owners.back().owner.name != name) {
      owners.push_back({.owner = {.name = name},
                        .live_until = TimeOf(rows, row, 2),
                        .yields = rows.GetBool(row, 3)});
    }
    if (rows.IsNull(row, 4)) continue;
    owners.back().owner.types.emplace_back(rows.GetBytes(row, 4));
  }
  return all;
}

}  // namespace

std::vector<ConsumerStatus> ConsumersOf(const Result& rows,
                                        const Result& owner_rows) {
  const OwnersByConsumer owners = OwnersOf(owner_rows);
  std::vector<ConsumerStatus> list;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string name(rows.GetBytes(row, 0));
    if (list.empty() || list.back().name != name) {
      const auto found = owners.find(name);
      list.push_back({.name = name,
                      .slots = {},
                      .owners = found == owners.end()
                                    ? std::vector<OwnerStatus>()
                                    : OwnerStatuses(found->second),
                      .parked_keys = rows.GetInt8(row, 2),
                      .is_paused = rows.GetBool(row, 1)});
    }
    list.back().slots.push_back({.slot = rows.GetInt4(row, 3),
                                 .position = rows.GetInt8(row, 4),
                                 .epoch = rows.GetInt8(row, 5),
                                 .owner = std::string(rows.GetBytes(row, 6)),
                                 .lease_until = TimeOf(rows, row, 7),
                                 .updated_at = TimeOf(rows, row, 8)});
  }
  return list;
}

}  // namespace stele::postgres_store
