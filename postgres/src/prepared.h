#ifndef STELE_POSTGRES_SRC_PREPARED_H_
#define STELE_POSTGRES_SRC_PREPARED_H_

#include <libpq-fe.h>

#include <vector>

#include "stele/postgres/statement.h"

namespace stele::postgres {

// The types of a statement's parameters, as libpq takes them.
inline std::vector<Oid> TypesOf(const Statement& statement) {
  std::vector<Oid> types;
  types.reserve(statement.types.size());
  for (const Type type : statement.types) {
    types.push_back(static_cast<Oid>(type));
  }
  return types;
}

// Parameters, as libpq takes them. Points into `params`, which must outlive it.
class BinaryValues {
 public:
  explicit BinaryValues(const Params& params) : formats_(params.size(), 1) {
    values_.reserve(params.size());
    lengths_.reserve(params.size());
    for (const auto& value : params.values()) {
      values_.push_back(value.has_value() ? value->data() : nullptr);
      lengths_.push_back(value.has_value() ? static_cast<int>(value->size())
                                           : 0);
    }
  }

  int count() const { return static_cast<int>(values_.size()); }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_SRC_PREPARED_H_
