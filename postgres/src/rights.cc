#include "rights.h"

#include <pqxx/nontransaction>
#include <pqxx/result>

#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/identifier.h"

namespace stele::postgres {
namespace {

// Who asks, and for what.
struct Rights {
  std::string role;
  std::string database;
  std::string owner;       // Of the schema; "" = there is no such schema.
  bool is_member = false;  // The role is the owner, or has its rights.
};

Rights ReadRights(pqxx::connection_base& session, const std::string& schema) {
  pqxx::nontransaction tx(session);
  const pqxx::row row = tx.exec_params1(
      "SELECT current_user, current_database(), r.rolname, "
      "pg_catalog.pg_has_role(r.oid, 'USAGE') "
      "FROM (VALUES ($1)) AS v(name) "
      "LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = v.name "
      "LEFT JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner",
      schema);
  return {row[0].as<std::string>(), row[1].as<std::string>(),
          row[2].as<std::string>(""), row[3].as<bool>(false)};
}

std::string Advice(const Rights& rights, const std::string& schema) {
  const std::string role = QuoteIdentifier(rights.role);
  const std::string who = absl::StrCat("; connected as role ", role);
  if (rights.owner.empty()) {
    return absl::StrCat(who, ", and there is no schema ", Quoted(schema),
                        " yet: have an administrator run CREATE SCHEMA ",
                        QuoteIdentifier(schema), " AUTHORIZATION ", role,
                        ", or GRANT CREATE ON DATABASE ",
                        QuoteIdentifier(rights.database), " TO ", role);
  }
  const std::string owner = QuoteIdentifier(rights.owner);
  const std::string whose =
      absl::StrCat(who, ", and schema ", Quoted(schema), " belongs to ", owner);
  if (rights.is_member) {
    return absl::StrCat(whose,
                        ", whose rights it has: something in the schema "
                        "belongs to somebody else");
  }
  return absl::StrCat(whose, ": connect as that, or GRANT ", owner, " TO ",
                      role);
}

}  // namespace

absl::Status WithRights(pqxx::connection_base& session,
                        const std::string& schema, const absl::Status& denied) {
  Rights rights;
  const absl::Status read = CatchingAll("looking for rights", [&] {
    rights = ReadRights(session, schema);
    return absl::OkStatus();
  });
  if (!read.ok()) return denied;
  return absl::PermissionDeniedError(
      absl::StrCat(denied.message(), Advice(rights, schema)));
}

}  // namespace stele::postgres
