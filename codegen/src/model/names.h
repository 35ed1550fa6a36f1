#ifndef STELE_CODEGEN_MODEL_NAMES_H_
#define STELE_CODEGEN_MODEL_NAMES_H_

#include <set>
#include <string>
#include <vector>

namespace stele::codegen {

// How things are called in generated code, and what names are accepted in a
// model. Everything here is a pure function of names.

// "AccountOpened" -> "account_opened", "HTTPCall" -> "http_call".
std::string SnakeCase(const std::string& name);

// "payment_timeout" -> "PaymentTimeout".
std::string CamelCase(const std::string& name);

// "an Account", "a Deposit".
std::string WithArticle(const std::string& noun);

// `name` in quotation marks, as problems show it: on one line, without what a
// terminal would obey, and cut off if it is longer than any name that is right.
std::string Quote(const std::string& name);

// True iff C++20 reserves `word`.
bool IsCppKeyword(const std::string& word);

// True iff `word` is a macro that compilers or <cerrno> and the like define, so
// that it cannot be a name.
bool IsMacro(const std::string& word);

// A parameter name for each of `messages`, e.g. "account_opened". They differ
// from each other, from keywords, from macros and from the names in `taken`, to
// which they are added. `suffix` is appended to each.
std::vector<std::string> ParameterNames(
    const std::vector<std::string>& messages, std::set<std::string>& taken,
    const std::string& suffix = "");

// "bank/account.proto" -> "bank/account.pb.h" and so on.
std::string MessageHeader(const std::string& proto_path);
std::string SteleHeader(const std::string& proto_path);
std::string IncludeGuard(const std::string& proto_path);
std::string BaseName(const std::string& path);

// The names that generated code adds to the user's namespace.
std::string EventVariantName(const std::string& aggregate);  // AccountEvent
std::string DecisionName(const std::string& aggregate);      // AccountDecision
std::string DeciderConcept(const std::string& aggregate);    // DecidesAccount
std::string ClientName(const std::string& aggregate);        // AccountClient
inline constexpr char kClientMember[] = "dispatcher_";       // Of the client.
std::string FieldsName(const std::string& message);          // DepositFields
std::string MakerName(const std::string& message);           // MakeDeposit
std::string ProjectorConcept(const std::string& read_model);
std::string SagaConcept(const std::string& saga);
std::string TimerTagName(const std::string& saga, const std::string& timer);

// The category of a saga's own streams: "saga_Transfer".
std::string SagaCategory(const std::string& saga);

// What may be written in options.
bool IsStreamCategory(const std::string& name);  // A letter, then [A-Za-z0-9_].
bool IsTableName(const std::string& name);  // snake_case, at most 40 bytes.
bool IsTimerName(const std::string& name);  // snake_case, at most 128 bytes.
bool IsStoredName(
    const std::string& name);               // Dotted identifiers, <= 256 bytes.
bool IsTopicName(const std::string& name);  // [A-Za-z0-9._-], dots inside only.

bool IsSagaName(const std::string& name);       // At most 128 bytes.
bool IsReadModelName(const std::string& name);  // At most 40 bytes.
bool IsColumnName(
    const std::string& name);  // At most 63 bytes, not PostgreSQL's.

// `name` made into something that the functions above accept, to be suggested.
std::string AsSnakeCase(const std::string& name, const std::string& fallback);

// The one of `candidates` that `name` is most likely a misspelling of; empty if
// none is near.
std::string Nearest(const std::string& name,
                    const std::vector<std::string>& candidates);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_NAMES_H_
