#ifndef STELE_POSTGRES_IDENTIFIER_H_
#define STELE_POSTGRES_IDENTIFIER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace stele::postgres {

// OK iff `schema` can be the schema of a store: a letter, then letters, digits
// and underscores, at most 48 bytes, not beginning with "pg_". Such a name is
// safe in any place of an SQL text once it is quoted.
absl::Status ValidateSchemaName(std::string_view schema);

// `name` as an SQL identifier, in double quotes, whatever it contains.
std::string QuoteIdentifier(std::string_view name);

// `text` as an SQL string literal. `text` must not contain NUL bytes.
std::string QuoteLiteral(std::string_view text);

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_IDENTIFIER_H_
