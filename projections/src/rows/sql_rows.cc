#include <algorithm>
#include <pqxx/pqxx>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "rows/rows.h"
#include "sql.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/array_text.h"
#include "stele/postgres/identifier.h"

namespace stele::projections_internal {
namespace {

// Tries to come to a row that others insert and delete at the same time.
constexpr int kLockTries = 5;

// "$1::text[], $2::bigint[]": one array a column.
std::string ArrayParameters(const TableShape& shape) {
  return absl::StrJoin(
      shape.columns, ", ", [n = 0](std::string* out, const Column& c) mutable {
        absl::StrAppend(out, "$", ++n, "::", ToAbsl(SqlTypeOf(c)), "[]");
      });
}

std::string ColumnNames(const TableShape& shape) {
  return absl::StrJoin(
      shape.columns, ", ", [](std::string* out, const Column& c) {
        absl::StrAppend(out, postgres::QuoteIdentifier(c.name));
      });
}

Cell CellOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return std::string(field.c_str(), field.size());
}

class SqlRows : public Rows {
 public:
  SqlRows(pqxx::transaction_base& tx, const Projection& projection,
          std::string table, RowLocking locking)
      : tx_(tx),
        projection_(projection),
        table_(std::move(table)),
        locking_(locking) {}

  absl::Status Load(std::span<const std::string> keys, RowMap& rows) override {
    return RunSql([&]() -> absl::Status {
      if (locking_ == RowLocking::kByRow) return LoadLocked(keys, rows);
      return Select(keys, "", rows);
    });
  }

  absl::Status Write(std::span<const RowChange> changes) override {
    return RunSql([&]() -> absl::Status {
      std::vector<const google::protobuf::Message*> inserts, updates;
      std::vector<std::string> deletes;
      for (const RowChange& change : changes) {
        const bool is_ours = placeholders_.erase(change.key) > 0;
        if (change.row == nullptr) {
          deletes.push_back(change.key);
        } else {
          (change.was_there || is_ours ? updates : inserts)
              .push_back(change.row);
        }
      }
      // Rows made only to have something to lock, and not needed after all.
      deletes.insert(deletes.end(), placeholders_.begin(), placeholders_.end());
      placeholders_.clear();
      STELE_RETURN_IF_ERROR(Insert(inserts));
      STELE_RETURN_IF_ERROR(Update(updates));
      return Delete(deletes);
    });
  }

 private:
  using Messages = std::vector<const google::protobuf::Message*>;

  const Column& key_column() const { return projection_.key_column(); }

  // The text of each key as its column holds it.
  absl::StatusOr<std::string> KeyArray(
      std::span<const std::string> keys) const {
    postgres::ArrayText array;
    for (const std::string& key : keys) {
      STELE_ASSIGN_OR_RETURN(const RowPtr row, projection_.NewRow(key));
      STELE_ASSIGN_OR_RETURN(const Cell cell, EncodeCell(*row, key_column()));
      array.AddNullable(cell);
    }
    return array.Done();
  }

  // Served by the primary key. `suffix` may order and lock. Names with # cannot
  // be those of fields.
  absl::Status Select(std::span<const std::string> keys,
                      const std::string& suffix, RowMap& rows) {
    if (keys.empty()) return absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(const std::string array, KeyArray(keys));
    const std::string sql = absl::StrCat(
        "SELECT \"#n\", ",
        absl::StrJoin(projection_.shape.columns, ", ",
                      [](std::string* out, const Column& c) {
                        absl::StrAppend(out, SelectExpression(c));
                      }),
        " FROM ", table_,
        " AS t JOIN unnest($1::", ToAbsl(SqlTypeOf(key_column())),
        "[]) WITH ORDINALITY AS a(\"#key\", \"#n\") ON ",
        postgres::QuoteIdentifier(key_column().name), " = \"#key\"", suffix);
    for (const pqxx::row& found : tx_.exec_params(sql, array)) {
      RowPtr row(projection_.type.prototype->New());
      for (std::size_t i = 0; i < projection_.shape.columns.size(); ++i) {
        STELE_RETURN_IF_ERROR(DecodeCell(CellOf(found[static_cast<int>(i) + 1]),
                                         projection_.shape.columns[i], *row));
      }
      rows[keys[found[0].as<std::size_t>() - 1]] = std::move(row);
    }
    return absl::OkStatus();
  }

  // Locks the rows, in key order so that two appends cannot wait for each
  // other, and those that are not there by inserting them.
  absl::Status LoadLocked(std::span<const std::string> keys, RowMap& rows) {
    std::vector<std::string> missing(keys.begin(), keys.end());
    std::sort(missing.begin(), missing.end());
    for (int i = 0; i < kLockTries; ++i) {
      STELE_RETURN_IF_ERROR(SelectLocked(missing, rows));
      std::erase_if(missing, [&](const std::string& key) {
        return rows.contains(key) || placeholders_.contains(key);
      });
      if (missing.empty()) return absl::OkStatus();
      STELE_RETURN_IF_ERROR(InsertPlaceholders(missing));
      std::erase_if(missing, [&](const std::string& key) {
        return placeholders_.contains(key);
      });
      if (missing.empty()) return absl::OkStatus();
    }
    return absl::AbortedError(
        absl::StrCat("rows of ", table_, " keep appearing and vanishing"));
  }

  absl::Status SelectLocked(const std::vector<std::string>& keys,
                            RowMap& rows) {
    return Select(
        keys,
        absl::StrCat(" ORDER BY ", postgres::QuoteIdentifier(key_column().name),
                     " FOR UPDATE OF t"),
        rows);
  }

  absl::Status InsertPlaceholders(const std::vector<std::string>& keys) {
    std::vector<RowPtr> rows;
    Messages messages;
    for (const std::string& key : keys) {
      STELE_ASSIGN_OR_RETURN(RowPtr row, projection_.NewRow(key));
      messages.push_back(row.get());
      rows.push_back(std::move(row));
    }
    STELE_ASSIGN_OR_RETURN(const std::vector<std::string> arrays,
                           Arrays(messages));
    // A row that another transaction inserts makes this wait for its end; then
    // the row is there and nothing is inserted.
    const std::string sql = absl::StrCat(
        "INSERT INTO ", table_, " (", ColumnNames(projection_.shape),
        ") SELECT * FROM unnest(", ArrayParameters(projection_.shape),
        ") ON CONFLICT DO NOTHING RETURNING ", SelectExpression(key_column()));
    std::set<Cell> inserted;
    for (const pqxx::row& row : Exec(sql, arrays)) {
      inserted.insert(CellOf(row[0]));
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      STELE_ASSIGN_OR_RETURN(Cell cell, EncodeCell(*messages[i], key_column()));
      if (key_column().kind == ColumnKind::kBytes) cell = cell->substr(2);
      if (inserted.contains(cell)) placeholders_.insert(keys[i]);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> Arrays(const Messages& rows) const {
    std::vector<std::string> arrays;
    for (const Column& column : projection_.shape.columns) {
      postgres::ArrayText array;
      for (const auto* row : rows) {
        STELE_ASSIGN_OR_RETURN(const Cell cell, EncodeCell(*row, column));
        array.AddNullable(cell);
      }
      arrays.push_back(array.Done());
    }
    return arrays;
  }

  pqxx::result Exec(const std::string& sql,
                    const std::vector<std::string>& parameters) {
    return tx_.exec_params(sql, pqxx::prepare::make_dynamic_params(parameters));
  }

  absl::Status Insert(const Messages& rows) {
    if (rows.empty()) return absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(const std::vector<std::string> arrays, Arrays(rows));
    Exec(absl::StrCat("INSERT INTO ", table_, " (",
                      ColumnNames(projection_.shape), ") SELECT * FROM unnest(",
                      ArrayParameters(projection_.shape), ")"),
         arrays);
    return absl::OkStatus();
  }

  // Served by the primary key.
  absl::Status Update(const Messages& rows) {
    if (rows.empty()) return absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(const std::vector<std::string> arrays, Arrays(rows));
    std::string sets;
    for (const Column& column : projection_.shape.columns) {
      if (column.is_key) continue;
      absl::StrAppend(&sets, sets.empty() ? "" : ", ",
                      postgres::QuoteIdentifier(column.name), " = n.",
                      postgres::QuoteIdentifier(column.name));
    }
    if (sets.empty()) return absl::OkStatus();  // A row that is only a key.
    const std::string key = postgres::QuoteIdentifier(key_column().name);
    const pqxx::result done =
        Exec(absl::StrCat("UPDATE ", table_, " AS o SET ", sets,
                          " FROM unnest(", ArrayParameters(projection_.shape),
                          ") AS n(", ColumnNames(projection_.shape),
                          ") WHERE o.", key, " = n.", key),
             arrays);
    if (done.affected_rows() == rows.size()) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat(
        "rows of ", table_, " vanished while they were being updated"));
  }

  absl::Status Delete(const std::vector<std::string>& keys) {
    if (keys.empty()) return absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(const std::string array, KeyArray(keys));
    tx_.exec_params(
        absl::StrCat("DELETE FROM ", table_, " WHERE ",
                     postgres::QuoteIdentifier(key_column().name),
                     " = ANY($1::", ToAbsl(SqlTypeOf(key_column())), "[])"),
        array);
    return absl::OkStatus();
  }

  pqxx::transaction_base& tx_;
  const Projection& projection_;
  const std::string table_;
  const RowLocking locking_;
  std::set<std::string> placeholders_;  // Keys of rows inserted to lock them.
};

}  // namespace

std::unique_ptr<Rows> MakeSqlRows(pqxx::transaction_base& tx,
                                  const Projection& projection,
                                  std::string table, RowLocking locking) {
  return std::make_unique<SqlRows>(tx, projection, std::move(table), locking);
}

absl::Status ApplySql(const Projection& projection,
                      std::span<const EventRef> events,
                      const SqlTarget& target) {
  for (const EventRef event : events) {
    const absl::Status status = RunUserSql(projection.type.name, [&] {
      return projection.Find(event->type)->apply_sql(target, *event);
    });
    if (status.ok()) continue;
    return Annotate(status, absl::StrCat("projection ", projection.type.name,
                                         ", event ", event->type, " of stream ",
                                         Quoted(event->stream_id), " version ",
                                         event->version));
  }
  // Fails if the user's code kept the failure of a statement to itself: the
  // server would take the commit for a rollback without saying so.
  return RunUserSql(projection.type.name, [&] {
    target.tx().exec("SELECT 1");
    return absl::OkStatus();
  });
}

}  // namespace stele::projections_internal
