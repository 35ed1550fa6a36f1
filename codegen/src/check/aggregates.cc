#include "check/aggregates.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "check/ids.h"
#include "model/names.h"

namespace stele::codegen {

void CheckAggregate(const Message& message, Problems& problems) {
  const Aggregate& aggregate = *message.aggregate;
  const std::string proposal = AsSnakeCase(message.name, "category");
  if (aggregate.stream.empty()) {
    problems.Add(aggregate.location,
                 absl::StrCat("aggregate ", Quote(message.name),
                              " has no stream category"),
                 absl::StrCat("write stream: ", Quote(proposal)));
  } else if (!IsStreamCategory(aggregate.stream)) {
    problems.Add(
        aggregate.location,
        absl::StrCat("bad stream category ", Quote(aggregate.stream)),
        absl::StrCat("begin with a letter and go on with letters, digits and "
                     "underscores, e.g. ",
                     Quote(AsSnakeCase(aggregate.stream, proposal))));
  } else if (absl::StartsWith(aggregate.stream, "saga_")) {
    problems.Add(aggregate.location,
                 absl::StrCat("stream category ", Quote(aggregate.stream),
                              " is kept for the streams of sagas"),
                 "choose a name that does not begin with \"saga_\"");
  }
  if (aggregate.snapshot_every > 0x7FFFFFFF) {
    problems.Add(aggregate.location,
                 absl::StrCat("snapshot_every: ", aggregate.snapshot_every,
                              " is too large"),
                 "write at most 2147483647, or 0 for no snapshots");
  }
  if (aggregate.events.empty()) {
    problems.Add(
        aggregate.location,
        absl::StrCat("aggregate ", Quote(message.name), " has no events"),
        absl::StrCat("write option (stele.event).of = ", Quote(message.name),
                     " in a message that says what can happen to it"));
  }
}

void CheckCommand(const Message& message, Problems& problems) {
  const std::vector<const Field*> ids = message.ids();
  if (ids.empty()) {
    problems.Add(message.location,
                 absl::StrCat("command ", Quote(message.name),
                              " does not say which instance it is for"),
                 "mark the field that does with [(stele.id) = true]");
  }
  ExpectOneId(ids, absl::StrCat("command ", Quote(message.name)),
              "mark one field only", problems);
  for (const Field* field : ids) CheckKey(*field, problems);
}

void CheckEvent(const Message& message, Problems& problems) {
  const Event& event = *message.event;
  if (!event.has_own_name && !IsStoredName(event.stored_name)) {
    problems.Add(message.location,
                 absl::StrCat("the full name of event ", Quote(message.name),
                              " is too long to be stored"),
                 "give it another with name: \"...\", at most 256 bytes");
  } else if (!IsStoredName(event.stored_name)) {
    problems.Add(event.location,
                 absl::StrCat("bad stored name ", Quote(event.stored_name)),
                 absl::StrCat("write words of letters, digits and "
                              "underscores with dots between them, at most "
                              "256 bytes, e.g. ",
                              Quote(message.full_name)));
  } else if (absl::StartsWith(event.stored_name, "stele.")) {
    problems.Add(event.location,
                 absl::StrCat("stored name ", Quote(event.stored_name),
                              " is kept for Stele's own events"),
                 "choose a name that does not begin with \"stele.\"");
  }
  if (event.topic.empty()) return;
  if (!IsTopicName(event.topic)) {
    problems.Add(event.location, absl::StrCat("bad topic ", Quote(event.topic)),
                 "use letters, digits, \"_\", \"-\" and single dots inside");
  } else if (!event.is_public) {
    problems.Add(event.location,
                 absl::StrCat("event ", Quote(message.name),
                              " has a topic but is not public"),
                 "add public: true, or remove the topic");
  }
}

// Fields of which Make...() cannot be generated.
void CheckFields(const Message& message, Problems& problems) {
  for (const Field& field : message.fields) {
    if (field.type == FieldType::kGroup) {
      problems.Add(field.location,
                   absl::StrCat("field ", Quote(field.name),
                                " is a group, which Stele does not support"),
                   "make it a message");
    } else if (field.has_other_ctype) {
      problems.Add(field.location,
                   absl::StrCat("field ", Quote(field.name),
                                " has a ctype, which Stele does not "
                                "support"),
                   "remove the option");
    }
  }
}

}  // namespace stele::codegen
