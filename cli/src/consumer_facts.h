#ifndef STELE_CLI_CONSUMER_FACTS_H_
#define STELE_CLI_CONSUMER_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/event_store.h"

namespace stele::cli {

// kNotFound, with where to look, if there is none of this name.
absl::StatusOr<ConsumerStatus> FindConsumer(EventStore& store,
                                            const std::string& name);

// Where the slot stands that is farthest behind.
std::int64_t LeastPosition(const ConsumerStatus& consumer);

// Who holds its slots now, each once.
std::vector<std::string> Owners(const ConsumerStatus& consumer);

// Inboxes hold their lease as consumers do, but read a broker and park messages
// elsewhere. InboxName("inbox/orders") is "orders".
bool IsInbox(const std::string& consumer);
std::string InboxName(const std::string& consumer);

}  // namespace stele::cli

#endif  // STELE_CLI_CONSUMER_FACTS_H_
