#ifndef STELE_CODEGEN_MODEL_MODEL_H_
#define STELE_CODEGEN_MODEL_MODEL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/problems.h"

namespace stele::codegen {

// A domain as described by .proto files, in plain structs. reader.h makes it
// from descriptors, check/link.h joins its parts, check/validate.h judges it,
// and emit/write_header.h turns it into text. Pointers point into the same
// Model.

struct File;
struct Message;

enum class FieldType {
  kBool,
  kBytes,
  kDouble,
  kEnum,
  kFloat,
  kGroup,
  kInt32,
  kInt64,
  kMessage,
  kString,
  kUint32,
  kUint64,
};

enum class Cardinality {
  kSingle,    // Without presence: a scalar of proto3.
  kOptional,  // With presence: messages, `optional`, members of a oneof.
  kRepeated,
  kMap,
};

struct Field {
  std::string name;      // As in the .proto.
  std::string accessor;  // As in the generated C++: "class_".
  std::string comment;
  Location location;

  FieldType type = FieldType::kString;  // Of the values, for a map.
  Cardinality cardinality = Cardinality::kSingle;
  std::string value_type;        // "std::string", "::bank::Money".
  std::string map_key_type;      // Maps only.
  std::string oneof;             // Name of the oneof it is a member of, if any.
  bool has_other_ctype = false;  // [ctype = CORD] and the like.

  bool is_id = false;
  Location id_location;
};

// A message named in an option.
struct Reference {
  std::string written;
  Message* target = nullptr;  // Null until linked, or if there is none.
};

struct Aggregate {
  Location location;
  std::string stream;
  std::uint32_t snapshot_every = 0;

  // Filled in by linking, those of imported files first.
  std::vector<const Message*> commands;
  std::vector<const Message*> events;
};

struct Command {
  Location location;
  Reference on;
  bool creates = false;
};

struct Event {
  Location location;
  Reference of;
  std::string stored_name;  // The full name of the message unless given.
  bool has_own_name = false;
  bool is_public = false;
  std::string topic;  // As written; empty = the category.
};

struct Route {
  Reference event;
  std::string by;                   // Empty = the id of the stream.
  const Field* by_field = nullptr;  // Filled in by linking.
};

struct ReadModel {
  Location location;
  std::string table;
  bool sql = false;
  std::vector<Route> routes;
};

struct Saga {
  Location location;
  std::optional<Route> starts_on;
  std::vector<Route> on;
  std::vector<Reference> sends;
  std::vector<std::string> timers;
};

struct Message {
  std::string name;        // "Account"
  std::string full_name;   // "bank.Account"
  std::string class_name;  // "Account"; "Outer_Inner" when nested.
  std::string qualified;   // "::bank::Account"
  std::string comment;     // What stands above it in the .proto.
  Location location;
  File* file = nullptr;
  bool is_nested = false;
  bool is_map_entry = false;
  std::deque<Field> fields;

  // What the message is in the model. At most one is set in a valid model.
  std::optional<Aggregate> aggregate;
  std::optional<Command> command;
  std::optional<Event> event;
  std::optional<ReadModel> read_model;
  std::optional<Saga> saga;

  bool has_role() const {
    return aggregate || command || event || read_model || saga;
  }
  // The fields marked as id.
  std::vector<const Field*> ids() const;
};

// A name that a file puts into its namespace besides its messages.
struct Symbol {
  std::string name;
  Location location;
  bool is_variable = false;  // An extension.
};

struct File {
  std::string path;
  std::string package;
  std::string cpp_namespace;    // "bank::v1"; empty for none.
  bool is_wanted = false;       // To be generated, rather than imported.
  bool has_deprecated = false;  // Messages, fields or enums.
  Location location;            // Of the package statement.
  // Of `optimize_for = LITE_RUNTIME`, if that is there.
  std::optional<Location> lite_location;
  std::deque<Message> messages;  // In the order of the file, nested ones too.
  std::vector<Symbol> symbols;   // Enums, their values, services, extensions.

  // The files whose names can be used in this one, in the order imported:
  // imports and what these import publicly.
  std::vector<File*> visible;

  bool has_roles() const;
};

struct Model {
  std::deque<File> files;                    // Each after those it imports.
  std::map<std::string, Message*> messages;  // By full name.
};

// Everything a saga or read model consumes, in the order declared.
std::vector<const Route*> RoutesOf(const ReadModel& read_model);
std::vector<const Route*> RoutesOf(const Saga& saga);

// All that `file` includes, itself too.
std::vector<const File*> IncludedBy(const File& file);

// True iff `other` is `file` or visible in it.
bool Sees(const File& file, const File& other);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_MODEL_H_
