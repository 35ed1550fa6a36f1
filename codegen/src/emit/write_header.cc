#include "emit/write_header.h"

#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "emit/layout.h"
#include "emit/template.h"
#include "emit/warnings.h"
#include "emit/writing.h"
#include "model/names.h"
#include "version.h"

namespace stele::codegen {
namespace {

std::string WriteConstructions(const File& file) {
  std::vector<std::string> parts;
  for (const Message& message : file.messages) {
    if (message.command || message.event) {
      parts.push_back(WriteConstruction(message));
    }
  }
  if (parts.empty()) return "";
  parts.insert(parts.begin(),
               Heading("Construction. Every field has a name and a default: "
                       "Make...({.name = value})."));
  return Join(parts, "\n\n");
}

// What the user's namespace gets.
std::string WriteVocabulary(const File& file) {
  std::vector<std::string> aggregates;
  std::vector<std::string> clients;
  std::vector<std::string> read_models;
  std::vector<std::string> sagas;
  for (const Message& message : file.messages) {
    if (message.aggregate) {
      aggregates.push_back(WriteAggregate(message));
      clients.push_back(WriteClient(message));
    }
    if (message.read_model) read_models.push_back(WriteReadModel(message));
    if (message.saga) sagas.push_back(WriteSaga(message));
  }
  const std::string body = Join(
      {Join(aggregates, "\n\n"), WriteConstructions(file),
       Join(clients, "\n\n"), Join(read_models, "\n\n"), Join(sagas, "\n\n")},
      "\n\n");
  if (body.empty() || file.cpp_namespace.empty()) return body;
  return Fill(R"(
    namespace $name$ {

    $body$

    }  // namespace $name$
  )",
              {{"name", file.cpp_namespace}, {"body", body}});
}

std::string WriteTraits(const File& file) {
  std::vector<std::string> traits;
  for (const Message& message : file.messages) {
    if (message.aggregate) traits.push_back(WriteAggregateTraits(message));
  }
  for (const Message& message : file.messages) {
    if (message.read_model) traits.push_back(WriteReadModelTraits(message));
    if (message.saga) traits.push_back(WriteSagaTraits(message));
  }
  if (traits.empty()) return "";
  return Fill(
      R"(
    $heading$

    namespace stele {

    $traits$

    }  // namespace stele
  )",
      {{"heading", Heading("Facts the runtime reads. Nothing below is meant to "
                           "be called by hand.")},
       {"traits", Join(traits, "\n\n")}});
}

// ---- Includes ---------------------------------------------------------------

struct Need {
  const char* token;   // If this stands in the code ...
  const char* header;  // ... this is included.
};

constexpr Need kStandard[] = {
    {"std::from_chars(", "charconv"},
    {"std::same_as<", "concepts"},
    {"std::int32_t", "cstdint"},
    {"std::int64_t", "cstdint"},
    {"std::uint32_t", "cstdint"},
    {"std::uint64_t", "cstdint"},
    {"std::map<", "map"},
    {"std::optional<", "optional"},
    {"std::string ", "string"},
    {"std::string>", "string"},
    {"std::string(", "string"},
    {"std::string,", "string"},
    {"std::to_string(", "string"},
    {"std::string_view", "string_view"},
    {"std::type_identity<", "type_traits"},
    {"std::move(", "utility"},
    {"std::variant<", "variant"},
    {"std::vector<", "vector"},
};

constexpr Need kLibrary[] = {
    {"absl::Status>", "absl/status/status.h"},
    {"absl::StatusOr<", "absl/status/statusor.h"},
    {"stele::Decision<", "stele/aggregates/decision.h"},
    {"stele::Dispatcher&", "stele/aggregates/dispatcher.h"},
    {"struct AggregateTraits<", "stele/aggregates/traits.h"},
    {"struct EventTraits<", "stele/eventstore/event_traits.h"},
    {"stele::Recorded<", "stele/eventstore/recorded.h"},
    {"stele::SqlTarget&", "stele/projections/sql_target.h"},
    {"struct ProjectionTraits<", "stele/projections/traits.h"},
    {"stele::Next>", "stele/sagas/next.h"},
    {"struct SagaTraits<", "stele/sagas/traits.h"},
};

// `code` without its comments, which may mention anything.
bool Mentions(const std::string& code, const std::string& token) {
  for (std::size_t at = code.find(token); at != std::string::npos;
       at = code.find(token, at + 1)) {
    const std::size_t line = code.rfind('\n', at) + 1;
    const std::size_t first = code.find_first_not_of(' ', line);
    if (code.compare(first, 2, "//") != 0) return true;
  }
  return false;
}

std::string WriteIncludes(const File& file, const std::string& code) {
  std::set<std::string> standard;
  for (const Need& need : kStandard) {
    if (Mentions(code, need.token)) {
      standard.insert(absl::StrCat("#include <", need.header, ">"));
    }
  }
  std::set<std::string> other = {
      absl::StrCat("#include \"", MessageHeader(file.path), "\"")};
  for (const Need& need : kLibrary) {
    if (Mentions(code, need.token)) {
      other.insert(absl::StrCat("#include \"", need.header, "\""));
    }
  }
  for (const File* imported : file.visible) {
    if (imported->has_roles()) {
      other.insert(
          absl::StrCat("#include \"", SteleHeader(imported->path), "\""));
    }
  }
  return Join({Join({standard.begin(), standard.end()}),
               Join({other.begin(), other.end()})},
              "\n\n");
}

}  // namespace

std::string WriteHeader(const File& file) {
  const std::string code =
      Join({WriteVocabulary(file), WriteTraits(file)}, "\n\n");
  return LayOut(Fill(R"(
    // Generated by protoc-gen-stele $version$ from $path$. Do not edit: change the .proto and rebuild.

    #ifndef $guard$
    #define $guard$

    $includes$

    $code$

    #endif  // $guard$
  )",
                     {{"version", kVersion},
                      {"path", file.path},
                      {"guard", IncludeGuard(file.path)},
                      {"includes", WriteIncludes(file, code)},
                      {"code", WithoutWarnings(file, code)}})) +
         "\n";
}

}  // namespace stele::codegen
