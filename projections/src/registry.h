#ifndef STELE_PROJECTIONS_SRC_REGISTRY_H_
#define STELE_PROJECTIONS_SRC_REGISTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "projection.h"
#include "stele/eventstore/transaction.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace stele::projections_internal {

enum class VersionState { kBuilding, kActive, kPrevious, kDropped, kGone };
enum class Feed { kLog, kAppends };

// A row of projection_versions.
struct VersionRow {
  int version = 0;
  std::string fingerprint;
  std::string table;
  VersionState state = VersionState::kGone;
  Feed feed = Feed::kLog;
  std::string consumer;
  std::int64_t start_position = 0;
  int feeds = 1;
  std::vector<std::string> event_types;
  bool is_warm = false;  // Its time as a current previous version is not over.
};

// A process that has said lately that it serves the projection.
struct ProcessRow {
  std::string process;
  std::string fingerprint;
  bool is_inline = false;
  std::string last_error;  // Empty while its part in it goes on.
};

// A row of projections, with what belongs to it.
struct RegistryRow {
  std::string name;
  std::string read_schema;
  std::string view;
  bool is_inline = false;
  std::optional<int> active, previous, building;
  std::optional<std::string> requested_fingerprint;
  std::string builder;
  bool is_builder_alive = false;
  std::string build_phase;
  absl::Time build_started_at;
  std::int64_t build_position = 0;
  double build_rate = 0;
  std::string last_error;
  std::string comparison;
  std::optional<absl::Time> switched_at;
  std::vector<VersionRow> versions;
  std::vector<ProcessRow> processes;

  const VersionRow* Version(std::optional<int> version) const;
  const VersionRow* active_version() const { return Version(active); }
  // The newest version ever made by this code, gone or not.
  const VersionRow* NewestOf(std::string_view fingerprint) const;
};

// The registry within one transaction. Its methods throw what libpqxx throws:
// call them inside RunSql().
class Registry {
 public:
  // REQUIRES: tx.sql() is not null.
  explicit Registry(Transaction& tx);

  pqxx::transaction_base& sql() { return sql_; }
  // A table of the registry, quoted, with schema.
  std::string Table(std::string_view name) const;

  // Keeps everybody else from creating, switching or dropping versions until
  // this transaction ends. Taken before Find() with a view to change anything.
  void LockChanges();

  std::vector<std::string> Names();
  std::optional<RegistryRow> Find(const std::string& name);

  void InsertProjection(const std::string& name, const std::string& read_schema,
                        const std::string& view, bool is_inline);
  // Adds a version and creates its table. Returns its row.
  VersionRow AddVersion(const RegistryRow& row, const Projection& projection,
                        VersionState state, Feed feed,
                        std::int64_t start_position);
  void SetState(const std::string& name, int version, VersionState state);
  void SetInline(const std::string& name, bool is_inline);
  // Ends the current feed of a version, and begins another one.
  void FeedFromLog(const std::string& name, const VersionRow& version,
                   std::int64_t start_position);
  void FeedFromAppends(const std::string& name, const VersionRow& version);

  // Has the store refuse appends of these types by whoever does not do the work
  // of this inline projection with them; none = no longer. In force for appends
  // that begin after the commit. Throws if a type has no number yet.
  void Guard(const std::string& name, const std::vector<std::string>& types);
  // Gives event types their numbers. In a transaction of its own: others who
  // append events of a new type wait until it ends.
  void InternTypes(const std::vector<std::string>& types);

  void SayAlive(const std::string& name, const ProcessRow& process,
                absl::Duration lease);
  void SayGone(const std::string& name, const std::string& process);

 private:
  pqxx::transaction_base& sql_;
  const std::string schema_;
};

// Bounds how long each further statement of the transaction waits for a lock.
void LimitLockWaits(Registry& registry, absl::Duration timeout);

// The name of the consumer that feeds a version for the n-th time.
std::string ConsumerName(std::string_view projection,
                         std::string_view fingerprint, int version, int feeds);

// The table of a version, without schema.
std::string VersionTable(std::string_view view, std::string_view fingerprint,
                         int version);

// The lock that appends with the inline projection hold shared, and a switch
// exclusively. Held until the transaction ends.
//
// Whoever appends does not wait for it, for its connection may be the one that
// the switch waits for: false if it cannot be had at once.
bool TryShareInline(Registry& registry, const std::string& name);
void LockInline(Registry& registry, const std::string& name);

// True iff the tables of the registry are there.
bool HasRegistry(Transaction& tx);
// OK iff they are, and as this program knows them, in a transaction of its own;
// kFailedPrecondition says what to do.
absl::Status CheckHasRegistry(EventStore& store);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REGISTRY_H_
