#include "model/keys.h"

#include "absl/strings/str_cat.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

bool IsSingular(const Field& field) {
  return (field.cardinality == Cardinality::kSingle ||
          field.cardinality == Cardinality::kOptional) &&
         field.oneof.empty();
}

struct IntegerRange {
  bool has_sign;
  int bits;
};

bool GetRange(FieldType type, IntegerRange& range) {
  switch (type) {
    case FieldType::kInt32:
      range = {true, 32};
      return true;
    case FieldType::kInt64:
      range = {true, 64};
      return true;
    case FieldType::kUint32:
      range = {false, 32};
      return true;
    case FieldType::kUint64:
      range = {false, 64};
      return true;
    default:
      return false;
  }
}

std::string TypeName(const Field& field) {
  switch (field.type) {
    case FieldType::kBool:
      return "bool";
    case FieldType::kBytes:
      return "bytes";
    case FieldType::kDouble:
      return "double";
    case FieldType::kEnum:
      return "enum";
    case FieldType::kFloat:
      return "float";
    case FieldType::kGroup:
      return "group";
    case FieldType::kInt32:
      return "int32";
    case FieldType::kInt64:
      return "int64";
    case FieldType::kMessage:
      return "message";
    case FieldType::kString:
      return "string";
    case FieldType::kUint32:
      return "uint32";
    case FieldType::kUint64:
      return "uint64";
  }
  return "";
}

}  // namespace

bool CanBeKey(const Field& field) {
  IntegerRange range;
  return IsSingular(field) &&
         (field.type == FieldType::kString || GetRange(field.type, range));
}

bool CanBeSqlKey(const Field& field) {
  if (CanBeKey(field)) return true;
  return IsSingular(field) &&
         (field.type == FieldType::kBool || field.type == FieldType::kBytes ||
          field.type == FieldType::kEnum);
}

bool KeyFits(const Field& from, const Field& to) {
  if (to.type == FieldType::kString) return true;
  IntegerRange source;
  IntegerRange target;
  if (!GetRange(from.type, source) || !GetRange(to.type, target)) return false;
  if (source.has_sign == target.has_sign) return source.bits <= target.bits;
  return target.has_sign && source.bits < target.bits;
}

std::vector<const Field*> SourcesOf(const Route& route) {
  if (route.by_field != nullptr) return {route.by_field};
  std::vector<const Field*> sources;
  const Message* const owner = route.event.target->event->of.target;
  for (const Message* command : owner->aggregate->commands) {
    for (const Field* id : command->ids()) sources.push_back(id);
  }
  return sources;
}

std::string Describe(const Field& field) {
  if (field.cardinality == Cardinality::kMap) return "a map";
  if (field.cardinality == Cardinality::kRepeated) {
    return absl::StrCat("a repeated ", TypeName(field));
  }
  if (!field.oneof.empty()) return "a member of a oneof";
  if (field.type == FieldType::kBytes) return "bytes";
  return WithArticle(TypeName(field));
}

}  // namespace stele::codegen
