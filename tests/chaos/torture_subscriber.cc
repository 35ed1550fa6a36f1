#include <libpq-fe.h>

#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/eventstore/subscription.h"
#include "tests/chaos/history.h"
#include "tests/chaos/torture_roles.h"

namespace stele::chaos {
namespace {

class Recorder {
 public:
  explicit Recorder(const RoleOptions& options)
      : journal_(options.journal), began_(MonotonicMicros()) {
    const auto seen = ReadSeen(options.journal);
    if (seen.ok() && !seen->empty()) position_ = seen->back().position;
  }

  std::int64_t position() const { return position_; }
  bool has_ended() const { return has_ended_; }

  void Take(const RecordedEvent& event) {
    std::int64_t appended_at = 0;
    const bool has_time = absl::SimpleAtoi(event.payload, &appended_at);
    // What was appended before we came shows nothing about delays.
    const bool counts = has_time && appended_at > began_ + 500'000;
    journal_.Write(absl::StrCat("S ", event.id.ToString(), " ", event.stream_id,
                                " ", event.version, " ", event.position, " ",
                                counts ? MonotonicMicros() - appended_at : 0));
    position_ = event.position;
    if (event.type == kEndType) has_ended_ = true;
  }

 private:
  Journal journal_;
  const std::int64_t began_;
  std::int64_t position_ = 0;
  bool has_ended_ = false;
};

absl::Status Follow(const RoleOptions& options, Recorder& recorder) {
  PostgresEventStoreOptions store_options;
  store_options.dsn = options.dsn;
  store_options.schema = options.schema;
  STELE_ASSIGN_OR_RETURN(auto store,
                         OpenPostgresEventStore(std::move(store_options)));
  absl::Notification ended;
  auto subscription =
      Subscribe(*store, {.after_position = recorder.position()},
                [&](const RecordedEvent& event) -> absl::Status {
                  recorder.Take(event);
                  if (recorder.has_ended()) ended.Notify();
                  return absl::OkStatus();
                });
  ended.WaitForNotification();
  return subscription->Stop();
}

// The log read in one statement: last_value, floors and rows under one
// snapshot. This loses events, which is what the test must show.
constexpr char kOneStatement[] = R"sql(
  SELECT e.event_id, s.name, e.version, e.position,
         convert_from(e.payload, 'UTF8'), t.name
  FROM {schema}.events e
  JOIN {schema}.streams s USING (stream_key)
  JOIN {schema}.event_types t USING (type_id),
  (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS a
   FROM {schema}.positions) AS p
  WHERE e.position > $1 AND e.position <= LEAST(
    p.a, (SELECT min(p.a + ((((l.objid::bigint - p.a) & 4294967295)
                             # 2147483648) - 2147483648))
          FROM pg_locks l
          WHERE l.locktype = 'advisory' AND l.objsubid = 2
            AND l.classid = '{schema}.positions'::regclass::oid))
  ORDER BY e.position LIMIT 1000)sql";

absl::Status FollowWrongly(const RoleOptions& options, Recorder& recorder) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb(options.dsn.c_str()), PQfinish);
  const std::string sql =
      absl::StrReplaceAll(kOneStatement, {{"{schema}", options.schema}});
  while (!recorder.has_ended()) {
    const std::string after = absl::StrCat(recorder.position());
    const char* values[] = {after.c_str()};
    const std::unique_ptr<PGresult, decltype(&PQclear)> rows(
        PQexecParams(connection.get(), sql.c_str(), 1, nullptr, values, nullptr,
                     nullptr, 0),
        PQclear);
    if (PQresultStatus(rows.get()) != PGRES_TUPLES_OK) {
      return absl::InternalError(PQerrorMessage(connection.get()));
    }
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
      RecordedEvent event;
      event.id = *Uuid::Parse(PQgetvalue(rows.get(), row, 0));
      event.stream_id = PQgetvalue(rows.get(), row, 1);
      event.version = std::atoll(PQgetvalue(rows.get(), row, 2));
      event.position = std::atoll(PQgetvalue(rows.get(), row, 3));
      event.payload = PQgetvalue(rows.get(), row, 4);
      event.type = PQgetvalue(rows.get(), row, 5);
      recorder.Take(event);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunSubscriber(const RoleOptions& options) {
  Recorder recorder(options);
  if (options.one_statement) return FollowWrongly(options, recorder);
  return Follow(options, recorder);
}

}  // namespace stele::chaos
