#ifndef STELE_EVENTSTORE_SRC_POSTGRES_STATEMENTS_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_STATEMENTS_H_

#include <string>

#include "stele/postgres/statement.h"

namespace stele::postgres_store {

// The statements of the hot path, for the tables of one schema.
struct Statements {
  explicit Statements(const std::string& schema);

  postgres::Statement append;
  postgres::Statement append_check;
  postgres::Statement append_write;
  postgres::Statement intern_types;
  postgres::Statement intern_categories;

  postgres::Statement history;
  postgres::Statement change_epoch;
  postgres::Statement begin_anew;
  postgres::Statement end_session;

  postgres::Statement last_position;
  postgres::Statement floors;
  postgres::Statement last_rows;
  postgres::Statement first_rows;
  postgres::Statement last_event;
  postgres::Statement notify;
  postgres::Statement extend_events;

  postgres::Statement find_stream;
  postgres::Statement read_forwards;
  postgres::Statement read_backwards;
  postgres::Statement read_log;
  postgres::Statement read_log_categories;
  postgres::Statement read_log_types;
  postgres::Statement read_log_both;
  postgres::Statement stream_names;
  postgres::Statement type_names;
  postgres::Statement type_ids;
  postgres::Statement category_ids;
  postgres::Statement find_command;
  postgres::Statement load_snapshot;
  postgres::Statement save_snapshot;
};

// Keeps plans from being made for tables as small as they happen to be when a
// session first meets a statement, and spares it planning each time.
inline constexpr char kSteadyPlans[] =
    "SET plan_cache_mode = force_generic_plan;"
    "SET enable_seqscan = off;SET enable_bitmapscan = off;SET jit = off;";

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_STATEMENTS_H_
