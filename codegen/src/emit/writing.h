#ifndef STELE_CODEGEN_EMIT_WRITING_H_
#define STELE_CODEGEN_EMIT_WRITING_H_

#include <set>
#include <string>
#include <vector>

#include "emit/comments.h"
#include "model/model.h"

namespace stele::codegen {

// What the writers of the parts of a header share.

// How `file` names the type `qualified` ("::bank::Account"): without the
// namespace if that is the file's own.
std::string TypeIn(const File& file, const std::string& qualified);

// The same for a list of parameters which has the names `taken`: one of them
// would hide a type of its name.
std::string TypeBeside(const std::set<std::string>& taken, const File& file,
                       const std::string& qualified);

// "account.proto:8"
std::string PlaceOf(const Message& message);

// A function: on one line if `statements` is one line, for LayOut() to judge.
std::string Function(const std::string& head, const std::string& statements);

// A member function template that visits `types`:
//   template <typename Visitor>
//   static void <name>(Visitor visit) {...}
std::string VisitorFunction(const std::string& name,
                            const std::vector<std::string>& types);

// C++ that turns field `field` of `object` (with its "." or "->") into the
// std::string that is a key; the empty one if an optional field is not set.
std::string KeyOfField(const std::string& object, const Field& field);

// Functions KeyOf() of traits, one for each of `routes`.
std::string KeyFunctions(const std::vector<const Route*>& routes);

// Function `name` of traits that puts a key into field `id` of a new `object`
// of type `type`.
std::string KeySetter(const std::string& name, const std::string& type,
                      const std::string& object, const Field& id);

// The parts, each a section of the header or some specializations of traits.
std::string WriteConstruction(const Message& message);
std::string WriteAggregate(const Message& message);
std::string WriteClient(const Message& message);
std::string WriteAggregateTraits(const Message& message);
std::string WriteReadModel(const Message& message);
std::string WriteReadModelTraits(const Message& message);
std::string WriteSaga(const Message& message);
std::string WriteSagaTraits(const Message& message);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_WRITING_H_
