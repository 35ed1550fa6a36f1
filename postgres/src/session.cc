#include "stele/postgres/session.h"

#include <libpq-fe.h>

#include <memory>
#include <vector>

#include "stele/base/check.h"
#include "stele/base/status.h"
#include "stele/postgres/errors.h"
#include "still_open.h"

namespace stele::postgres {
namespace {

void DropNotice(void*, const PGresult*) {}

}  // namespace

pqxx::connectionpolicy::handle Session::Policy::do_startconnect(
    handle original) {
  raw_ = original;  // Stays null if connecting throws.
  raw_ = normalconnect(original);
  return raw_;
}

pqxx::connectionpolicy::handle Session::Policy::do_disconnect(
    handle original) noexcept {
  raw_ = nullptr;
  return connectionpolicy::do_disconnect(original);
}

pqxx::connectionpolicy::handle Session::Policy::do_dropconnect(
    handle original) noexcept {
  raw_ = nullptr;
  return connectionpolicy::do_dropconnect(original);
}

Session::Session(const std::string& dsn)
    : pqxx::connection_base(policy_), policy_(dsn) {
  init();
  PQsetNoticeReceiver(policy_.raw(), &DropNotice, nullptr);
}

Session::~Session() noexcept { close(); }

bool Session::InFailedTransaction() const {
  return policy_.raw() != nullptr &&
         PQtransactionStatus(policy_.raw()) == PQTRANS_INERROR;
}

bool Session::LooksAlive() {
  PGconn* const raw = policy_.raw();
  return raw != nullptr && IsStillOpen(raw) &&
         PQtransactionStatus(raw) == PQTRANS_IDLE;
}

absl::StatusOr<Result> Session::Execute(std::string_view doing,
                                        const Statement& statement,
                                        const Params& params) {
  STELE_CHECK(params.size() == statement.types.size());
  PGconn* const raw = policy_.raw();
  if (raw == nullptr) return absl::UnavailableError("not connected");
  const int count = static_cast<int>(params.size());
  if (!prepared_.contains(statement.name)) {
    std::vector<Oid> types;
    for (const Type type : statement.types) {
      types.push_back(static_cast<Oid>(type));
    }
    PGresult* const made =
        PQprepare(raw, statement.name.c_str(), statement.sql.c_str(), count,
                  types.data());
    const Result owned(made);
    STELE_RETURN_IF_ERROR(StatusOfResult(doing, made));
    prepared_.insert(statement.name);
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  const std::vector<int> formats(params.size(), 1);
  for (const auto& value : params.values()) {
    values.push_back(value.has_value() ? value->data() : nullptr);
    lengths.push_back(value.has_value() ? static_cast<int>(value->size()) : 0);
  }
  PGresult* const result =
      PQexecPrepared(raw, statement.name.c_str(), count, values.data(),
                     lengths.data(), formats.data(), 1);
  Result owned(result);
  STELE_RETURN_IF_ERROR(StatusOfResult(doing, result));
  return owned;
}

}  // namespace stele::postgres
