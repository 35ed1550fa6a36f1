#include "stele/testing/given.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::testing::given_internal {
namespace {

using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

// "bank.Deposited { amount_cents: 50 }", or several lines if it is long.
std::string Show(const std::string& type, const Message& message) {
  constexpr std::size_t kOneLine = 60;
  std::string text = message.ShortDebugString();
  if (text.empty()) return absl::StrCat(type, " {}");
  if (text.size() <= kOneLine) return absl::StrCat(type, " { ", text, " }");
  text = message.DebugString();
  text.pop_back();
  return absl::StrCat(type, " {\n      ",
                      absl::StrReplaceAll(text, {{"\n", "\n      "}}),
                      "\n    }");
}

std::string Show(const Message& message) {
  return Show(message.GetTypeName(), message);
}

std::string Show(const Events& events) {
  if (events.empty()) return "    no events\n";
  std::string text;
  for (const UntypedDecision::Event& event : events) {
    absl::StrAppend(&text, "    ", Show(event.type, *event.message), "\n");
  }
  return text;
}

std::string Show(const UntypedDecision& decision) {
  if (!decision.rejection.has_value()) return Show(decision.events);
  const Rejection& rejection = *decision.rejection;
  return absl::StrCat("    rejected: ", Quoted(rejection.reason),
                      rejection.message.empty() ? "" : ", ", rejection.message,
                      "\n");
}

// "" if they are equal; otherwise one line for each field that differs.
std::string Differences(const Message& actual, const Message& expected) {
  MessageDifferencer differencer;
  std::string report;
  differencer.ReportDifferencesToString(&report);
  if (differencer.Compare(expected, actual)) return "";
  report.pop_back();
  return absl::StrCat("      ",
                      absl::StrReplaceAll(report, {{"\n", "\n      "}}), "\n");
}

std::string Differences(const Events& actual, const Events& expected) {
  std::string text;
  const std::size_t count = std::max(actual.size(), expected.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::string place = absl::StrCat("    event ", i + 1, ": ");
    if (i >= actual.size()) {
      absl::StrAppend(&text, place, "missing ",
                      Show(expected[i].type, *expected[i].message), "\n");
    } else if (i >= expected.size()) {
      absl::StrAppend(&text, place, "unexpected ",
                      Show(actual[i].type, *actual[i].message), "\n");
    } else if (actual[i].type != expected[i].type) {
      absl::StrAppend(&text, place, "expected ", expected[i].type, ", was ",
                      actual[i].type, "\n");
    } else if (std::string fields =
                   Differences(*actual[i].message, *expected[i].message);
               !fields.empty()) {
      absl::StrAppend(&text, place, actual[i].type, ", expected -> actual\n",
                      fields);
    }
  }
  return text;
}

bool AreEqual(const UntypedDecision& a, const UntypedDecision& b) {
  if (a.rejection.has_value() != b.rejection.has_value()) return false;
  if (a.rejection.has_value())
    return a.rejection->reason == b.rejection->reason;
  return Differences(a.events, b.events).empty();
}

}  // namespace

Scenario::Scenario(const AggregateType& type, Events history)
    : type_(type),
      history_(std::move(history)),
      state_(type.empty_state().New()) {
  broken_ = Fold(history_);
}

absl::Status Scenario::Fold(const Events& events) {
  for (const UntypedDecision::Event& event : events) {
    STELE_RETURN_IF_ERROR(
        type_.Evolve(*type_.FindEvent(event.type), *state_, *event.message));
  }
  return absl::OkStatus();
}

absl::StatusOr<UntypedDecision> Scenario::DecideOnce(
    const Message& command) const {
  const AggregateType::Command& type =
      *type_.FindCommand(command.GetDescriptor()->full_name());
  if (type.creates && !history_.empty()) {
    UntypedDecision refused;
    refused.rejection =
        Reject("already_exists", "the command creates; it is not even decided");
    return refused;
  }
  return type_.Decide(type, *state_, command);
}

void Scenario::Decide(const Message& command, std::source_location where) {
  where_ = where;
  command_.reset(command.New());
  command_->CopyFrom(command);
  if (!broken_.ok()) return;
  absl::StatusOr<UntypedDecision> decision = DecideOnce(command);
  absl::StatusOr<UntypedDecision> again = DecideOnce(command);
  if (!decision.ok()) {
    broken_ = decision.status();
    return;
  }
  if (!again.ok() || !AreEqual(*decision, *again)) {
    Fail(absl::StrCat("Decide() is not pure: asked twice it said\n",
                      Show(*decision), "  and\n",
                      again.ok() ? Show(*again) : again.status().ToString()),
         where_);
  }
  decision_ = *std::move(decision);
  broken_ = Fold(decision_.events);
}

void Scenario::ExpectEvents(Events expected) {
  if (!HasDecision()) return;
  if (decision_.rejection.has_value()) {
    Fail(absl::StrCat("Expected\n", Show(expected), "  but was\n",
                      Show(decision_)),
         where_);
  } else if (std::string text = Differences(decision_.events, expected);
             !text.empty()) {
    Fail(absl::StrCat("The events are not those expected:\n", text,
                      "  Decided\n", Show(decision_)),
         where_);
  }
}

void Scenario::ExpectRejected(std::string_view reason) {
  if (!HasDecision()) return;
  if (decision_.rejection.has_value() &&
      decision_.rejection->reason == reason) {
    return;
  }
  Fail(absl::StrCat("Expected\n    rejected: ", Quoted(reason), "\n  but was\n",
                    Show(decision_)),
       where_);
}

void Scenario::ExpectState(const Message& expected,
                           std::source_location where) const {
  if (!broken_.ok()) {
    Fail(broken_.ToString(), where);
  } else if (std::string text = Differences(*state_, expected); !text.empty()) {
    Fail(absl::StrCat("The state is not the one expected, expected -> actual\n",
                      text, "  State\n    ", Show(*state_), "\n"),
         where);
  }
}

bool Scenario::HasDecision() {
  if (broken_.ok()) return true;
  Fail(broken_.ToString(), where_);
  return false;
}

void Scenario::Fail(const std::string& what, std::source_location where) const {
  ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
      << what << (what.ends_with('\n') ? "" : "\n") << "  Given\n"
      << Show(history_)
      << (command_ == nullptr
              ? ""
              : absl::StrCat("  When\n    ", Show(*command_), "\n"));
}

}  // namespace stele::testing::given_internal
