#include "nats_consumer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nats_names.h"
#include "nats_status.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::nats_internal {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How long a fetch that has messages waits for more of them on their way.
constexpr absl::Duration kLinger = absl::Milliseconds(1);
// Beyond its expiry, a request that was never answered is taken as lost.
constexpr auto kAnswerSlack = std::chrono::seconds(1);

std::string HeaderOf(natsMsg& message, const char* name) {
  const char* value = nullptr;
  if (natsMsgHeader_Get(&message, name, &value) != NATS_OK) return "";
  return value == nullptr ? "" : value;
}

jsConsumerConfig ConfigOf(const NatsOptions& options, const std::string& name,
                          const std::string& subject) {
  jsConsumerConfig config;
  // Cannot fail: it only fills the struct, which is not null.
  (void)jsConsumerConfig_Init(&config);
  config.Durable = name.c_str();
  config.FilterSubject = subject.c_str();
  config.DeliverPolicy = js_DeliverAll;
  config.AckPolicy = js_AckExplicit;
  config.AckWait = absl::ToInt64Nanoseconds(options.ack_wait);
  config.MaxDeliver = -1;
  config.MaxAckPending = options.unsettled_max;
  return config;
}

absl::StatusCode CodeOfOpen(const absl::Status& status) {
  // Late answers while opening mean the same as none to a caller who retries.
  return absl::IsDeadlineExceeded(status) || absl::IsNotFound(status)
             ? absl::StatusCode::kUnavailable
             : status.code();
}

}  // namespace

NatsConsumer::NatsConsumer(const NatsOptions& options,
                           std::vector<std::string> topics, std::string group)
    : options_(options), group_(std::move(group)) {
  for (std::string& topic : topics) {
    Durable durable;
    durable.name = DurableOf(group_, topic);
    durable.topic = std::move(topic);
    durables_.push_back(std::move(durable));
  }
}

NatsConsumer::~NatsConsumer() { GiveBackAll(); }

absl::Status NatsConsumer::Open() {
  absl::StatusOr<std::unique_ptr<NatsLink>> dialled = NatsLink::Dial(options_);
  if (!dialled.ok())
    return absl::Status(CodeOfOpen(dialled.status()),
                        dialled.status().message());
  link_ = *std::move(dialled);
  bool has_unsettled = false;
  for (Durable& durable : durables_) {
    durable.asked = 0;
    if (absl::Status ensured = EnsureDurable(durable, has_unsettled);
        !ensured.ok()) {
      link_ = nullptr;
      return absl::Status(CodeOfOpen(ensured), ensured.message());
    }
  }
  // What a predecessor, or our own broken connection, was given and did not
  // settle comes again after ack_wait, and then before anything new. Taking new
  // messages earlier would turn the order around.
  if (has_unsettled) {
    hold_until_ = SteadyClock::now() +
                  absl::ToChronoNanoseconds(options_.ack_wait) +
                  std::chrono::milliseconds(100);
  }
  return absl::OkStatus();
}

absl::Status NatsConsumer::EnsureDurable(const Durable& durable,
                                         bool& has_unsettled) {
  jsConsumerInfo* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus status =
      js_GetConsumerInfo(&found, link_->jetstream(), options_.stream.c_str(),
                         durable.name.c_str(), nullptr, &code);
  const ConsumerInfoHandle info(found);
  if (status == NATS_NOT_FOUND || code == JSConsumerNotFoundErr)
    return AddDurable(durable);
  STELE_RETURN_IF_ERROR(ToStatus(
      status, code, absl::StrCat("looking for consumer ", durable.name),
      options_.url));
  if (info->NumAckPending > 0) has_unsettled = true;
  const bool fits =
      info->Config->AckWait == absl::ToInt64Nanoseconds(options_.ack_wait) &&
      info->Config->MaxAckPending == options_.unsettled_max;
  return fits ? absl::OkStatus() : AddDurable(durable);  // Changes it.
}

absl::Status NatsConsumer::AddDurable(const Durable& durable) {
  const std::string subject = SubjectOf(options_.subject_prefix, durable.topic);
  jsConsumerConfig config = ConfigOf(options_, durable.name, subject);
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus added =
      js_AddConsumer(nullptr, link_->jetstream(), options_.stream.c_str(),
                     &config, nullptr, &code);
  return ToStatus(added, code, absl::StrCat("adding consumer ", durable.name),
                  options_.url);
}

absl::StatusOr<std::vector<BrokerMessage>> NatsConsumer::Fetch(
    std::size_t limit, absl::Duration wait) {
  const TimePoint deadline =
      SteadyClock::now() + absl::ToChronoNanoseconds(wait);
  replies_.clear();
  if (limit == 0) return std::vector<BrokerMessage>();
  if (link_ == nullptr) STELE_RETURN_IF_ERROR(Open());
  absl::StatusOr<std::vector<BrokerMessage>> fetched =
      FetchUntil(limit, deadline);
  if (!fetched.ok()) {
    link_ = nullptr;
    replies_.clear();
  }
  return fetched;
}

absl::StatusOr<std::vector<BrokerMessage>> NatsConsumer::FetchUntil(
    std::size_t limit, TimePoint deadline) {
  std::vector<BrokerMessage> messages;
  while (messages.size() < limit) {
    const TimePoint now = SteadyClock::now();
    if (now >= hold_until_) STELE_RETURN_IF_ERROR(Ask(limit, deadline));
    const absl::Duration left = absl::FromChrono(std::max(deadline, now) - now);
    const absl::Duration held =
        absl::FromChrono(std::max(hold_until_, now) - now);
    absl::Duration patience = messages.empty() ? left : std::min(left, kLinger);
    if (held > absl::ZeroDuration()) patience = std::min(patience, held);
    STELE_ASSIGN_OR_RETURN(const MessageHandle received,
                           link_->Receive(patience));
    if (received != nullptr) {
      STELE_RETURN_IF_ERROR(Take(*received, messages));
    } else if (!messages.empty() || SteadyClock::now() >= deadline) {
      break;
    }
  }
  return messages;
}

absl::Status NatsConsumer::Ask(std::size_t limit, TimePoint deadline) {
  const TimePoint now = SteadyClock::now();
  const std::size_t share = std::max<std::size_t>(1, limit / durables_.size());
  for (Durable& durable : durables_) {
    if (durable.asked > 0 && now < durable.expires + kAnswerSlack) continue;
    // Not below 10 ms: a request that is over on arrival gets nothing.
    const auto patience = std::max<SteadyClock::duration>(
        deadline - now, std::chrono::milliseconds(10));
    const std::string request = absl::StrCat(
        "{\"batch\":", share, ",\"expires\":",
        std::chrono::duration_cast<std::chrono::nanoseconds>(patience).count(),
        "}");
    STELE_RETURN_IF_ERROR(link_->Send(
        absl::StrCat("$JS.API.CONSUMER.MSG.NEXT.", options_.stream, ".",
                     durable.name),
        link_->ReplySubject(durable.name), request, "asking for messages"));
    durable.asked = share;
    durable.expires = now + patience;
  }
  return absl::OkStatus();
}

absl::Status NatsConsumer::Take(natsMsg& received,
                                std::vector<BrokerMessage>& messages) {
  const std::string status = HeaderOf(received, "Status");
  const char* reply = natsMsg_GetReply(&received);
  if (reply == nullptr || DurableOfReply(reply).empty())
    return TakeNotice(status, received);
  for (Durable& durable : durables_) {
    if (durable.name == DurableOfReply(reply) && durable.asked > 0)
      --durable.asked;
  }
  messages.push_back(Decode(received));
  replies_.emplace_back(reply);
  return absl::OkStatus();
}

// The server ends a request: 404 no messages, 408 expired, 409 another reason.
absl::Status NatsConsumer::TakeNotice(const std::string& status,
                                      natsMsg& received) {
  const std::string_view name = link_->TokenOf(natsMsg_GetSubject(&received));
  const std::string why = HeaderOf(received, "Description");
  // Too many unsettled, or too many requests: it passes by itself, and asking
  // again at once would not help.
  if (status == "409" && why.find("Exceeded") != std::string::npos)
    return absl::OkStatus();
  for (Durable& durable : durables_) {
    if (durable.name == name) durable.asked = 0;
  }
  if (status != "409") return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("pulling from consumer ", ToAbsl(name), " (NATS at ",
                   RedactUrl(options_.url), "): ", why));
}

BrokerMessage NatsConsumer::Decode(natsMsg& received) const {
  BrokerMessage message;
  message.topic =
      TopicOfSubject(options_.subject_prefix, natsMsg_GetSubject(&received));
  message.body.assign(
      natsMsg_GetData(&received) == nullptr ? "" : natsMsg_GetData(&received),
      static_cast<std::size_t>(natsMsg_GetDataLength(&received)));
  const char** names = nullptr;
  int count = 0;
  // A message without headers is none of ours; the inbox says so.
  if (natsMsgHeader_Keys(&received, &names, &count) == NATS_OK) {
    for (int i = 0; i < count; ++i)
      message.headers[names[i]] = DecodeHeader(HeaderOf(received, names[i]));
    free(names);
  }
  const auto text = [&](const char* name) {
    const auto found = message.headers.find(name);
    return found == message.headers.end() ? "" : found->second;
  };
  message.id = text("ce-id");
  message.key = text("ce-partitionkey");
  message.headers.erase("Nats-Msg-Id");
  return message;
}

absl::Status NatsConsumer::Settle(std::size_t index, Disposition disposition,
                                  absl::Duration delay) {
  if (index >= replies_.size() || replies_[index].empty())
    return absl::InvalidArgumentError(absl::StrCat(
        "message ", index, " is not one of the last fetch, or is settled"));
  if (link_ == nullptr)
    return absl::UnavailableError(
        absl::StrCat("settling (NATS at ", RedactUrl(options_.url),
                     "): not connected; the message will come again"));
  std::string word = "+ACK";
  if (disposition == Disposition::kRetry) {
    word =
        absl::StrCat("-NAK {\"delay\":", absl::ToInt64Nanoseconds(delay), "}");
    if (delay <= absl::ZeroDuration()) word = "-NAK";
  }
  absl::Status sent = link_->Send(replies_[index], "", word, "settling");
  if (!sent.ok()) {
    link_ = nullptr;
    return absl::UnavailableError(sent.message());
  }
  replies_[index].clear();
  return absl::OkStatus();
}

// Also what is on its way to us: it would otherwise be held up for ack_wait.
void NatsConsumer::GiveBackAll() {
  while (link_ != nullptr) {
    absl::StatusOr<MessageHandle> received =
        link_->Receive(absl::ZeroDuration());
    if (!received.ok() || *received == nullptr) break;
    const char* reply = natsMsg_GetReply(received->get());
    if (reply != nullptr && !DurableOfReply(reply).empty())
      replies_.emplace_back(reply);
  }
  for (std::size_t i = 0; i < replies_.size() && link_ != nullptr; ++i) {
    if (replies_[i].empty()) continue;
    // Best effort: what is not given back comes again after ack_wait.
    Settle(i, Disposition::kRetry, absl::ZeroDuration()).IgnoreError();
  }
}

}  // namespace stele::nats_internal
