#include <utility>

#include "rows/rows.h"

namespace stele::projections_internal {
namespace {

class MemoryRows : public Rows {
 public:
  MemoryRows(Transaction& tx, const Projection& projection,
             std::shared_ptr<MemoryTable> table)
      : tx_(tx), projection_(projection), table_(std::move(table)) {}

  absl::Status Load(std::span<const std::string> keys, RowMap& rows) override {
    for (const std::string& key : keys) {
      RowPtr row(projection_.type.prototype->New());
      if (Find(key, *row)) rows[key] = std::move(row);
    }
    return absl::OkStatus();
  }

  absl::Status Write(std::span<const RowChange> changes) override {
    std::map<std::string, std::string> puts;
    std::vector<std::string> deletes;
    for (const RowChange& change : changes) {
      if (change.row == nullptr) {
        deletes.push_back(change.key);
        staged_[change.key] = std::nullopt;
      } else {
        puts[change.key] = change.row->SerializeAsString();
        staged_[change.key] = puts[change.key];
      }
    }
    tx_.OnCommit(
        [table = table_, puts = std::move(puts), deletes = std::move(deletes)] {
          table->Apply(puts, deletes);
        });
    return absl::OkStatus();
  }

 private:
  bool Find(const std::string& key, google::protobuf::Message& row) const {
    const auto staged = staged_.find(key);
    if (staged == staged_.end()) return table_->Find(key, row);
    return staged->second.has_value() && row.ParseFromString(*staged->second);
  }

  Transaction& tx_;
  const Projection& projection_;
  const std::shared_ptr<MemoryTable> table_;
  absl::flat_hash_map<std::string, std::optional<std::string>> staged_;
};

}  // namespace

bool MemoryTable::Find(const std::string& key,
                       google::protobuf::Message& row) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(key);
  return found != rows_.end() && row.ParseFromString(found->second);
}

void MemoryTable::Apply(const std::map<std::string, std::string>& puts,
                        const std::vector<std::string>& deletes) {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [key, row] : puts) rows_[key] = row;
  for (const std::string& key : deletes) rows_.erase(key);
}

std::size_t MemoryTable::size() const {
  const absl::MutexLock lock(&mutex_);
  return rows_.size();
}

std::unique_ptr<Rows> MakeMemoryRows(Transaction& tx,
                                     const Projection& projection,
                                     std::shared_ptr<MemoryTable> table) {
  return std::make_unique<MemoryRows>(tx, projection, std::move(table));
}

}  // namespace stele::projections_internal
