#include "stele/projections/row_reader.h"

#include <pqxx/pqxx>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry.h"
#include "rows/columns.h"
#include "rows/row_readers.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/migrator.h"
#include "stele/projections/migrations.h"

namespace stele {
namespace projections_internal {
namespace {

absl::Status NoRow(std::string_view table, std::string_view key) {
  return absl::NotFoundError(
      absl::StrCat("no row ", Quoted(key), " in ", ToAbsl(table)));
}

class SqlRowReader : public RowReader {
 public:
  SqlRowReader(EventStore& store, std::string read_schema)
      : store_(store), read_schema_(std::move(read_schema)) {}

  absl::Status Find(std::string_view table, std::string_view key,
                    google::protobuf::Message& row) override {
    STELE_ASSIGN_OR_RETURN(const TableShape shape,
                           ShapeOf(*row.GetDescriptor()));
    if (shape.keys.size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          row.GetTypeName(), " has not exactly one id field to find rows by"));
    }
    if (key.find('\0') != std::string_view::npos || !IsValidUtf8(key)) {
      return NoRow(table, key);
    }
    return store_.Transact([&](Transaction& tx) {
      return RunSql([&] { return Select(tx, shape, table, key, row); });
    });
  }

 private:
  absl::Status Select(Transaction& tx, const TableShape& shape,
                      std::string_view table, std::string_view key,
                      google::protobuf::Message& row) const {
    const std::string view = QuoteTable(
        read_schema_.empty() ? DefaultReadSchema(tx.schema()) : read_schema_,
        table);
    const Column& column = shape.columns[shape.keys.front()];
    // A name that is not there would spoil the transaction.
    if (tx.sql()->exec_params("SELECT to_regclass($1)", view)[0][0].is_null()) {
      return absl::NotFoundError(absl::StrCat("no read model ", view));
    }
    // Served by the primary key of the table behind the view.
    const pqxx::result found = tx.sql()->exec_params(
        absl::StrCat("SELECT ",
                     absl::StrJoin(shape.columns, ", ",
                                   [](std::string* out, const Column& c) {
                                     absl::StrAppend(out, SelectExpression(c));
                                   }),
                     " FROM ", view, " WHERE ",
                     postgres::QuoteIdentifier(column.name),
                     " = $1::", ToAbsl(SqlTypeOf(column))),
        std::string(key));
    if (found.empty()) return NoRow(table, key);
    row.Clear();
    for (std::size_t i = 0; i < shape.columns.size(); ++i) {
      const pqxx::field field = found[0][static_cast<int>(i)];
      Cell cell;
      if (!field.is_null()) cell.emplace(field.c_str(), field.size());
      STELE_RETURN_IF_ERROR(DecodeCell(cell, shape.columns[i], row));
    }
    return absl::OkStatus();
  }

  EventStore& store_;
  const std::string read_schema_;
};

class MemoryRowReader : public RowReader {
 public:
  explicit MemoryRowReader(MemoryTables tables) : tables_(std::move(tables)) {}

  absl::Status Find(std::string_view table, std::string_view key,
                    google::protobuf::Message& row) override {
    const auto found = tables_.find(ToAbsl(table));
    if (found == tables_.end()) {
      return absl::NotFoundError(absl::StrCat("no read model ", ToAbsl(table)));
    }
    if (found->second->Find(std::string(key), row)) return absl::OkStatus();
    return NoRow(table, key);
  }

 private:
  const MemoryTables tables_;
};

}  // namespace

std::string DefaultReadSchema(std::string_view store_schema) {
  return absl::StrCat(ToAbsl(store_schema), "_views");
}

std::unique_ptr<RowReader> MakeSqlRowReader(EventStore& store,
                                            std::string read_schema) {
  return std::make_unique<SqlRowReader>(store, std::move(read_schema));
}

std::unique_ptr<RowReader> MakeMemoryRowReader(MemoryTables tables) {
  return std::make_unique<MemoryRowReader>(std::move(tables));
}

absl::StatusOr<bool> HasSql(EventStore& store) {
  bool has_sql = false;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    has_sql = tx.sql() != nullptr;
    return absl::OkStatus();
  }));
  return has_sql;
}

absl::Status CheckHasRegistry(EventStore& store) {
  return store.Transact([&](Transaction& tx) -> absl::Status {
    if (tx.sql() == nullptr) {
      return absl::FailedPreconditionError(
          "this store has no SQL: its projections are known only to the "
          "process that runs them");
    }
    STELE_RETURN_IF_ERROR(postgres::CheckMigrated(
        *tx.sql(), tx.schema(), std::span(&ProjectionMigrations(), 1)));
    // Somebody may have taken them away since.
    return RunSql([&]() -> absl::Status {
      if (HasRegistry(tx)) return absl::OkStatus();
      return absl::FailedPreconditionError(absl::StrCat(
          "schema ", tx.schema(), " lacks the tables of projections: ",
          postgres::MigrateAdvice(tx.schema())));
    });
  });
}

}  // namespace projections_internal

absl::StatusOr<std::unique_ptr<RowReader>> MakeRowReader(
    EventStore& store, std::string read_schema) {
  STELE_ASSIGN_OR_RETURN(const bool has_sql,
                         projections_internal::HasSql(store));
  if (has_sql) {
    return projections_internal::MakeSqlRowReader(store,
                                                  std::move(read_schema));
  }
  return absl::FailedPreconditionError(
      "this store has no SQL: read rows through Projections::reader()");
}

}  // namespace stele
