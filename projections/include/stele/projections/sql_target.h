#ifndef STELE_PROJECTIONS_SQL_TARGET_H_
#define STELE_PROJECTIONS_SQL_TARGET_H_

#include <string>
#include <utility>

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace stele {

// Where a projection in SQL form writes: a transaction, which commits together
// with the checkpoint, and the table to write to. The table differs from the
// projection's public name, for there may be several versions of it at a time
// (one live, one being rebuilt): never write the name into the SQL.
class SqlTarget {
 public:
  SqlTarget(pqxx::transaction_base& tx, std::string table)
      : tx_(&tx), table_(std::move(table)) {}

  pqxx::transaction_base& tx() const { return *tx_; }
  // Schema-qualified and quoted, ready to stand in a statement.
  const std::string& table() const { return table_; }

 private:
  pqxx::transaction_base* tx_;
  std::string table_;
};

}  // namespace stele

#endif  // STELE_PROJECTIONS_SQL_TARGET_H_
