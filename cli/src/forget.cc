#include "forget.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "consumer_facts.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

// What goes with a consumer.
struct Loss {
  std::int64_t position = 0;
  std::int64_t head = 0;
  std::int64_t parked_keys = 0;
  std::int64_t held_events = 0;
};

absl::StatusOr<Loss> LossOf(EventStore& store, const ConsumerStatus& consumer) {
  Loss loss;
  loss.position = LeastPosition(consumer);
  STELE_ASSIGN_OR_RETURN(loss.head, store.Head());
  STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> parked,
                         store.consumers().ListParked(consumer.name));
  loss.parked_keys = static_cast<std::int64_t>(parked.size());
  for (const ParkedKey& key : parked) loss.held_events += key.held;
  return loss;
}

// What happens should it be served again: it begins anew.
std::string_view IfServedAgain(const std::string& consumer) {
  if (consumer.rfind("projection/", 0) == 0)
    return "counts all events once more in its rows, until it is rebuilt";
  if (consumer.rfind("relay/", 0) == 0) return "publishes the whole log again";
  return "handles the whole log again";
}

std::string Describe(const std::string& name, const Loss& loss) {
  std::string text = absl::StrCat(name, " is at ", loss.position, " of ",
                                  loss.head, ", and that is forgotten with it");
  if (loss.parked_keys > 0) {
    absl::StrAppend(&text, "; so are its ", loss.parked_keys,
                    " parked keys with ", loss.held_events,
                    " events, which are then never handled");
  }
  return absl::StrCat(text, "; served again, it ", ToAbsl(IfServedAgain(name)));
}

absl::Status CheckForget(const ConsumerStatus& consumer, const Loss& loss,
                         bool is_meant) {
  const std::vector<std::string> owners = Owners(consumer);
  if (!owners.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        consumer.name, " is being worked on by ", absl::StrJoin(owners, ", "),
        "; stop what runs it first, or it is back at once"));
  }
  if (is_meant) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      Describe(consumer.name, loss), "; --yes if that is what you want"));
}

}  // namespace

absl::StatusOr<Report> ForgetConsumer(const Context& context,
                                      const std::string& name, bool is_meant) {
  if (IsInbox(name)) {
    return absl::FailedPreconditionError(
        "an inbox is not forgotten: what the broker delivers again would be "
        "handled twice");
  }
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(const ConsumerStatus consumer,
                         FindConsumer(*store, name));
  STELE_ASSIGN_OR_RETURN(const Loss loss, LossOf(*store, consumer));
  STELE_RETURN_IF_ERROR(CheckForget(consumer, loss, is_meant));
  STELE_RETURN_IF_ERROR(store->consumers().Forget(name));
  Report report;
  report.text = absl::StrCat(name, " is forgotten\n");
  report.data = json::object{{"name", name},
                             {"position", loss.position},
                             {"parked_keys", loss.parked_keys},
                             {"held_events", loss.held_events}};
  return report;
}

}  // namespace stele::cli
