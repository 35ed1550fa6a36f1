#include "emit/writing.h"

#include "absl/strings/str_cat.h"
#include "emit/template.h"
#include "model/names.h"

namespace stele::codegen {

std::string TypeIn(const File& file, const std::string& qualified) {
  const std::string own = file.cpp_namespace.empty()
                              ? std::string("::")
                              : absl::StrCat("::", file.cpp_namespace, "::");
  if (qualified.compare(0, own.size(), own) != 0) return qualified;
  const std::string rest = qualified.substr(own.size());
  // "T" is what the parameter of a concept is called.
  return rest.find("::") == std::string::npos && rest != "T" ? rest : qualified;
}

std::string TypeBeside(const std::set<std::string>& taken, const File& file,
                       const std::string& qualified) {
  const std::string type = TypeIn(file, qualified);
  return taken.count(type) > 0 ? qualified : type;
}

std::string PlaceOf(const Message& message) {
  return absl::StrCat(BaseName(message.file->path), ":", message.location.line);
}

std::string Function(const std::string& head, const std::string& statements) {
  if (statements.empty()) return head + " {}";
  if (statements.find('\n') == std::string::npos) {
    return absl::StrCat(head, " { ", statements, " }");
  }
  return Fill(R"(
    $head$ {
      $statements$
    }
  )",
              {{"head", head}, {"statements", statements}});
}

std::string VisitorFunction(const std::string& name,
                            const std::vector<std::string>& types) {
  std::vector<std::string> visits;
  for (const std::string& type : types) {
    visits.push_back(absl::StrCat("visit(std::type_identity<", type, ">());"));
  }
  const std::string parameter = types.empty() ? "Visitor" : "Visitor visit";
  return Join({"template <typename Visitor>",
               Function(absl::StrCat("static void ", name, "(", parameter, ")"),
                        Join(visits))});
}

std::string KeyOfField(const std::string& object, const Field& field) {
  const std::string value = absl::StrCat(object, field.accessor, "()");
  if (field.type == FieldType::kString) return value;
  const std::string text = absl::StrCat("std::to_string(", value, ")");
  if (field.cardinality != Cardinality::kOptional) return text;
  return absl::StrCat(object, "has_", field.accessor, "() ? ", text,
                      " : std::string()");
}

std::string KeyFunctions(const std::vector<const Route*>& routes) {
  std::vector<std::string> functions;
  for (const Route* route : routes) {
    const std::string key = route->by_field != nullptr
                                ? KeyOfField("e->", *route->by_field)
                                : std::string("std::string(e.id())");
    functions.push_back(
        Function(absl::StrCat("static std::string KeyOf(const Recorded<",
                              route->event.target->qualified, ">& e)"),
                 absl::StrCat("return ", key, ";")));
  }
  return Join(functions);
}

std::string KeySetter(const std::string& name, const std::string& type,
                      const std::string& object, const Field& id) {
  const std::string head = absl::StrCat("static void ", name, "(", type, "& ",
                                        object, ", std::string_view key)");
  if (id.type == FieldType::kString) {
    return Function(head, absl::StrCat(object, ".set_", id.accessor,
                                       "(std::string(key));"));
  }
  return Function(head, Fill(R"(
    $type$ value = 0;
    std::from_chars(key.data(), key.data() + key.size(), value);
    $object$.set_$field$(value);
  )",
                             {{"type", id.value_type},
                              {"object", object},
                              {"field", id.accessor}}));
}

}  // namespace stele::codegen
