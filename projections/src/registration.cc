#include "registration.h"

#include <algorithm>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoints.h"
#include "rebuild/switch.h"
#include "rebuild/view.h"
#include "rows/row_readers.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/postgres/identifier.h"

namespace stele::projections_internal {
namespace {

// For appends that are under way; others wait meanwhile.
constexpr absl::Duration kInlineTimeout = absl::Seconds(5);

void CreateSchema(Registry& registry, const std::string& schema) {
  if (!registry.sql()
           .exec_params("SELECT to_regnamespace($1)",
                        postgres::QuoteIdentifier(schema))[0][0]
           .is_null()) {
    return;
  }
  registry.sql().exec(
      absl::StrCat("CREATE SCHEMA ", postgres::QuoteIdentifier(schema)));
}

// Processes whose setting is other than ours.
std::vector<std::string> Others(const RegistryRow& row,
                                const ProcessRow& ours) {
  std::vector<std::string> others;
  for (const ProcessRow& process : row.processes) {
    if (process.process != ours.process &&
        (process.is_inline != ours.is_inline ||
         process.fingerprint != ours.fingerprint)) {
      others.push_back(process.process);
    }
  }
  return others;
}

class Registration {
 public:
  Registration(Transaction& tx, const PlannedProjection& planned,
               const ProjectionsOptions& options)
      : tx_(tx),
        registry_(tx),
        planned_(planned),
        projection_(*planned.projection),
        options_(options),
        read_schema_(options.read_schema.empty()
                         ? DefaultReadSchema(tx.schema())
                         : options.read_schema),
        process_{options.process, projection_.fingerprint, planned.is_inline,
                 ""} {}

  absl::Status Run() {
    registry_.LockChanges();
    const std::optional<RegistryRow> row = registry_.Find(name());
    is_first_ = !row.has_value();
    STELE_RETURN_IF_ERROR(is_first_ ? CreateFirst() : Check(*row));
    registry_.SayAlive(name(), process_,
                       std::max(options_.lease, options_.poll * 3));
    return absl::OkStatus();
  }

  // It was not known before.
  bool is_first() const { return is_first_; }

 private:
  const std::string& name() const { return projection_.type.name; }

  // What is there already is of a store that was dropped without its views, or
  // of somebody else.
  absl::Status CheckFree() {
    const pqxx::result known = registry_.sql().exec_params(
        absl::StrCat("SELECT name FROM ", registry_.Table("projections"),
                     " WHERE read_schema = $1 AND view_name = $2"),
        read_schema_, projection_.type.table);
    if (!known.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(QuoteTable(read_schema_, projection_.type.table),
                       " is that of projection ", known[0][0].as<std::string>(),
                       ": keep that name, or give ", name(), " another table"));
    }
    const std::string names[] = {
        projection_.type.table,
        VersionTable(projection_.type.table, projection_.fingerprint, 1)};
    for (const std::string& table : names) {
      const std::string relation = QuoteTable(read_schema_, table);
      if (registry_.sql()
              .exec_params("SELECT to_regclass($1)", relation)[0][0]
              .is_null()) {
        continue;
      }
      return absl::FailedPreconditionError(absl::StrCat(
          relation, " is there already, and schema ",
          postgres::QuoteIdentifier(tx_.schema()),
          " knows nothing of it: if it is left over from a store that was "
          "dropped, DROP SCHEMA ",
          postgres::QuoteIdentifier(read_schema_),
          " CASCADE as well; if it is something else, rename it"));
    }
    return absl::OkStatus();
  }

  absl::Status CreateFirst() {
    CreateSchema(registry_, read_schema_);
    STELE_RETURN_IF_ERROR(CheckFree());
    registry_.InsertProjection(name(), read_schema_, projection_.type.table,
                               planned_.is_inline);
    const std::optional<RegistryRow> row = registry_.Find(name());
    STELE_ASSIGN_OR_RETURN(
        const VersionRow version,
        CreateVersion(registry_, *row, projection_, VersionState::kActive));
    STELE_RETURN_IF_ERROR(ShowVersion(registry_, *row, version));
    registry_.sql().exec_params(
        absl::StrCat("UPDATE ", registry_.Table("projections"),
                     " SET active = $2 WHERE name = $1"),
        name(), version.version);
    if (planned_.is_inline) registry_.Guard(name(), projection_.event_types);
    return absl::OkStatus();
  }

  absl::Status Check(const RegistryRow& row) {
    if (row.read_schema != read_schema_ || row.view != projection_.type.table) {
      return absl::FailedPreconditionError(
          absl::StrCat("projection ", name(), " is registered as ",
                       QuoteTable(row.read_schema, row.view), ", not as ",
                       QuoteTable(read_schema_, projection_.type.table),
                       ": keep the name, or give the projection another one"));
    }
    const std::vector<std::string> others = Others(row, process_);
    const bool has_changed_mode = row.is_inline != planned_.is_inline;
    const bool has_other_code =
        planned_.is_inline && row.active_version() != nullptr &&
        row.active_version()->fingerprint != projection_.fingerprint;
    if ((has_changed_mode || has_other_code) && !others.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "projection ", name(),
          has_changed_mode ? " changes between inline and behind the log"
                           : " is inline and its code has changed",
          ", which needs the processes with the older code to be stopped "
          "first: ",
          absl::StrJoin(others, ", ")));
    }
    if (!has_changed_mode) return absl::OkStatus();
    if (!planned_.is_inline) {
      LimitLockWaits(registry_, kInlineTimeout);
      PutBehindLog(registry_, tx_, row);
    } else {  // It is switched once it has caught up.
      registry_.SetInline(name(), true);
      registry_.Guard(name(), projection_.event_types);
    }
    return absl::OkStatus();
  }

  Transaction& tx_;
  Registry registry_;
  const PlannedProjection& planned_;
  const Projection& projection_;
  const ProjectionsOptions& options_;
  const std::string read_schema_;
  const ProcessRow process_;
  bool is_first_ = false;
};

}  // namespace

absl::Status InternTypes(EventStore& store, const Projection& projection) {
  return Annotate(store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry(tx).InternTypes(projection.event_types);
      return absl::OkStatus();
    });
  }),
                  absl::StrCat("registering the event types of projection ",
                               projection.type.name));
}

absl::StatusOr<VersionRow> CreateVersion(Registry& registry,
                                         const RegistryRow& row,
                                         const Projection& projection,
                                         VersionState state) {
  VersionRow version =
      registry.AddVersion(row, projection, state, Feed::kLog, 0);
  if (projection.type.prepare) {
    const SqlTarget target(registry.sql(),
                           QuoteTable(row.read_schema, version.table));
    STELE_RETURN_IF_ERROR(Annotate(
        RunUserSql(projection.type.name,
                   [&] { return projection.type.prepare(target); }),
        absl::StrCat("Prepare() of projection ", projection.type.name)));
  }
  return version;
}

void PutBehindLog(Registry& registry, Transaction& tx, const RegistryRow& row) {
  registry.SetInline(row.name, false);
  // Appends under way are done with this lock, and later ones get positions
  // beyond the last.
  LockInline(registry, row.name);
  const VersionRow* active = row.active_version();
  if (active != nullptr && active->feed == Feed::kAppends) {
    registry.FeedFromLog(row.name, *active, LastPosition(tx));
  }
  registry.Guard(row.name, {});
}

namespace {

// Where there is nothing to catch up with, appends fill it from the first event
// on. Otherwise it is up to the process that runs it.
void SettleInline(EventStore& store, const PlannedProjection& planned,
                  const ProjectionsOptions& options) {
  const std::string& name = planned.projection->type.name;
  Switcher switcher(store, name, 1,
                    {options.switch_pause_max, options.switch_lock_timeout,
                     options.keep_warm, &ClockOf(options)});
  const absl::Status settled = switcher.Try("");
  if (settled.ok()) return;
  Log(LogLevel::kDebug, "an inline projection is not filled by appends yet",
      {{"projection", name}, {"cause", settled.ToString()}});
}

}  // namespace

absl::Status RegisterProjection(EventStore& store,
                                const PlannedProjection& planned,
                                const ProjectionsOptions& options) {
  bool is_first = false;
  STELE_RETURN_IF_ERROR(InternTypes(store, *planned.projection));
  STELE_RETURN_IF_ERROR(Annotate(
      store.Transact([&](Transaction& tx) {
        return RunSql([&]() -> absl::Status {
          Registration registration(tx, planned, options);
          STELE_RETURN_IF_ERROR(registration.Run());
          is_first = registration.is_first();
          return absl::OkStatus();
        });
      }),
      absl::StrCat("registering projection ", planned.projection->type.name)));
  if (is_first && planned.is_inline) SettleInline(store, planned, options);
  return absl::OkStatus();
}

}  // namespace stele::projections_internal
