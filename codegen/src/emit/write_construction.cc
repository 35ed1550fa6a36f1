#include <set>

#include "absl/strings/str_cat.h"
#include "emit/template.h"
#include "emit/writing.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

bool IsMovable(const Field& field) {
  return field.type == FieldType::kString || field.type == FieldType::kBytes ||
         field.type == FieldType::kMessage;
}

// The C++ type of one value of `field`, as named in its file.
std::string ValueType(const Message& message, const Field& field) {
  const std::string type = TypeIn(*message.file, field.value_type);
  // A member of the same name would change what the name means.
  for (const Field& other : message.fields) {
    if (other.accessor == type) return field.value_type;
  }
  return type;
}

std::string MemberType(const Message& message, const Field& field) {
  const std::string value = ValueType(message, field);
  switch (field.cardinality) {
    case Cardinality::kSingle:
      return value;
    case Cardinality::kOptional:
      return absl::StrCat("std::optional<", value, ">");
    case Cardinality::kRepeated:
      return absl::StrCat("std::vector<", value, ">");
    case Cardinality::kMap:
      return absl::StrCat("std::map<", field.map_key_type, ", ", value, ">");
  }
  return value;
}

std::string InitialValue(const Field& field) {
  if (field.cardinality != Cardinality::kSingle) return "{}";
  switch (field.type) {
    case FieldType::kBool:
      return "false";
    case FieldType::kDouble:
    case FieldType::kFloat:
    case FieldType::kInt32:
    case FieldType::kInt64:
    case FieldType::kUint32:
    case FieldType::kUint64:
      return "0";
    default:
      return "{}";
  }
}

std::string OneofNote(const Message& message, const Field& field) {
  if (field.oneof.empty()) return "";
  std::vector<std::string> members;
  for (const Field& other : message.fields) {
    if (other.oneof == field.oneof) members.push_back(other.name);
  }
  if (members.front() != field.name) return "";
  return absl::StrCat("// Set at most one (oneof ", field.oneof,
                      "): ", Join(members, ", "), ". The last one set wins.");
}

std::string Member(const Message& message, const Field& field) {
  return Join({OneofNote(message, field), CommentLines(field.comment),
               absl::StrCat(MemberType(message, field), " ", field.accessor,
                            " = ", InitialValue(field), ";")});
}

// ---- Statements that move a member into the message -------------------------

std::string Moved(const Field& field, const std::string& value) {
  return IsMovable(field) ? absl::StrCat("std::move(", value, ")") : value;
}

std::string SetSingle(const Field& field) {
  return absl::StrCat("message.set_", field.accessor, "(",
                      Moved(field, "fields." + field.accessor), ");");
}

std::string SetOptional(const Field& field) {
  const std::string value =
      Moved(field, absl::StrCat("*fields.", field.accessor));
  const std::string set =
      field.type == FieldType::kMessage
          ? absl::StrCat("*message.mutable_", field.accessor, "() = ", value,
                         ";")
          : absl::StrCat("message.set_", field.accessor, "(", value, ");");
  return Fill(R"(
    if (fields.$field$.has_value()) {
      $set$
    }
  )",
              {{"field", field.accessor}, {"set", set}});
}

std::string SetRepeated(const Field& field) {
  const std::string add = field.type == FieldType::kMessage
                              ? absl::StrCat("*message.add_", field.accessor,
                                             "() = std::move(value);")
                              : absl::StrCat("message.add_", field.accessor,
                                             "(", Moved(field, "value"), ");");
  return Fill(R"(
    for ($value$ : fields.$field$) {
      $add$
    }
  )",
              {{"value", IsMovable(field) ? "auto& value" : "const auto value"},
               {"field", field.accessor},
               {"add", add}});
}

std::string SetMap(const Field& field) {
  return Fill(R"(
    for (auto& [key, value] : fields.$field$) {
      (*message.mutable_$field$())[key] = $value$;
    }
  )",
              {{"field", field.accessor}, {"value", Moved(field, "value")}});
}

std::string SetField(const Field& field) {
  switch (field.cardinality) {
    case Cardinality::kSingle:
      return SetSingle(field);
    case Cardinality::kOptional:
      return SetOptional(field);
    case Cardinality::kRepeated:
      return SetRepeated(field);
    case Cardinality::kMap:
      return SetMap(field);
  }
  return "";
}

}  // namespace

std::string WriteConstruction(const Message& message) {
  const Holes names = {
      {"comment",
       CommentWith(absl::StrCat(message.command ? "Command " : "Event ",
                                message.name, " (", PlaceOf(message), ")."),
                   message.comment)},
      // In a function with a parameter `fields`.
      {"message", TypeBeside({"fields"}, *message.file, message.qualified)},
      {"fields", FieldsName(message.name)},
      {"make", MakerName(message.name)}};
  if (message.fields.empty()) {
    return Fill(R"(
      $comment$
      struct $fields$ {};

      [[nodiscard]] inline $message$ $make$($fields$ = {}) { return {}; }
    )",
                names);
  }
  std::vector<std::string> members;
  std::vector<std::string> statements;
  for (const Field& field : message.fields) {
    members.push_back(Member(message, field));
    statements.push_back(SetField(field));
  }
  Holes holes = names;
  holes.push_back({"members", Join(members)});
  holes.push_back({"statements", Join(statements)});
  return Fill(R"(
    $comment$
    struct $fields$ {
      $members$
    };

    [[nodiscard]] inline $message$ $make$($fields$ fields) {
      $message$ message;
      $statements$
      return message;
    }
  )",
              holes);
}

}  // namespace stele::codegen
