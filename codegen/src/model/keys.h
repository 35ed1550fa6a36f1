#ifndef STELE_CODEGEN_MODEL_KEYS_H_
#define STELE_CODEGEN_MODEL_KEYS_H_

#include <string>
#include <vector>

#include "model/model.h"

namespace stele::codegen {

// A key names an instance: of an aggregate in its stream's name, of a read
// model its row, of a saga its stream. It is text at run time; the fields it
// comes from and goes to are strings or integers.

// True iff the values of `field` can be keys.
bool CanBeKey(const Field& field);

// True iff `field` can be in the primary key of a table kept in SQL.
bool CanBeSqlKey(const Field& field);

// True iff every key that `from` holds is a value of `to`. Both can be keys.
bool KeyFits(const Field& from, const Field& to);

// Where the key of `route` comes from: the field it names, or the ids of the
// commands that name the streams of its event.
std::vector<const Field*> SourcesOf(const Route& route);

// What kind of field it is, in words: "a repeated string".
std::string Describe(const Field& field);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_KEYS_H_
