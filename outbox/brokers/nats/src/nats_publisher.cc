#include "nats_publisher.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nats_names.h"
#include "nats_status.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::nats_internal {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

// An adapter has three answers; whatever else happened means "try later".
absl::Status AsPublishError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable:
      return status;
    default:
      return absl::UnavailableError(status.message());
  }
}

// The publishing of one batch on one link.
//
// A message is sent once its predecessor of the same topic and key is
// acknowledged: so it cannot overtake it, even if the predecessor is lost or
// refused while both would have been in flight, and even if another relay
// sends the same messages. After an error only messages before it are still
// sent, so that the acknowledged prefix ends exactly at the first error.
class BatchPublish {
 public:
  BatchPublish(const NatsOptions& options, NatsLink& link,
               std::uint64_t& next_token, std::span<const BrokerMessage> batch)
      : options_(options),
        link_(link),
        next_token_(next_token),
        batch_(batch),
        successor_(batch.size(), kNone),
        is_acknowledged_(batch.size(), false),
        first_error_(batch.size()) {
    absl::flat_hash_map<std::pair<std::string_view, std::string_view>,
                        std::size_t>
        last;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto [previous, is_first] =
          last.try_emplace({batch[i].topic, batch[i].key}, i);
      if (is_first) {
        ready_.push(i);
      } else {
        successor_[std::exchange(previous->second, i)] = i;
      }
    }
  }

  PublishResult Run() {
    while (SendWhatIsReady(), !in_flight_.empty()) ReceiveOne();
    PublishResult result;
    while (result.acknowledged < batch_.size() &&
           is_acknowledged_[result.acknowledged]) {
      ++result.acknowledged;
    }
    result.status = error_;
    return result;
  }

  // The link is of no more use: it is broken, or late answers are due on it.
  bool is_link_spoilt() const { return is_link_spoilt_; }

 private:
  struct Sent {
    std::uint64_t token = 0;
    SteadyClock::time_point deadline;
  };

  void SendWhatIsReady() {
    const auto window = static_cast<std::size_t>(options_.publish_window);
    while (in_flight_.size() < window && !ready_.empty() &&
           ready_.top() < first_error_ && !is_link_spoilt_) {
      const std::size_t index = ready_.top();
      ready_.pop();
      if (absl::Status sent = Send(index); !sent.ok()) {
        if (!absl::IsInvalidArgument(sent)) is_link_spoilt_ = true;
        Fail(index, std::move(sent));
      }
    }
    // What is still unanswered on a broken link stays unanswered.
    if (is_link_spoilt_) FailAllInFlight(error_);
  }

  absl::Status Send(std::size_t index) {
    const BrokerMessage& message = batch_[index];
    STELE_RETURN_IF_ERROR(ValidateTopic(message.topic));
    const std::uint64_t token = next_token_++;
    STELE_ASSIGN_OR_RETURN(const MessageHandle wire, Encode(message, token));
    STELE_RETURN_IF_ERROR(
        link_.Send(wire.get(), absl::StrCat("publishing ", message.id)));
    in_flight_.emplace(token, index);
    order_.push_back({token, SteadyClock::now() + absl::ToChronoNanoseconds(
                                                      options_.ack_timeout)});
    return absl::OkStatus();
  }

  absl::StatusOr<MessageHandle> Encode(const BrokerMessage& message,
                                       std::uint64_t token) {
    const std::string subject =
        SubjectOf(options_.subject_prefix, message.topic);
    const std::string reply = link_.ReplySubject(absl::StrCat(token));
    natsMsg* made = nullptr;
    std::size_t bytes = message.body.size();
    natsStatus status = natsMsg_Create(&made, subject.c_str(), reply.c_str(),
                                       message.body.data(),
                                       static_cast<int>(message.body.size()));
    MessageHandle wire(made);
    const auto set = [&](const std::string& name, const std::string& value) {
      const std::string encoded = EncodeHeader(value);
      bytes += name.size() + encoded.size() + 4;
      if (status == NATS_OK)
        status = natsMsgHeader_Set(wire.get(), name.c_str(), encoded.c_str());
    };
    // The server de-duplicates over all subjects of its stream.
    if (!message.id.empty())
      set("Nats-Msg-Id", absl::StrCat(subject, " ", IdentityOf(message)));
    for (const auto& [name, value] : message.headers) set(name, value);
    STELE_RETURN_IF_ERROR(
        ToStatus(status, absl::StrCat("encoding ", message.id), options_.url));
    // 100 bytes cover the protocol's own part of the header block.
    if (static_cast<std::int64_t>(bytes) + 100 > link_.max_payload_bytes())
      return absl::InvalidArgumentError(absl::StrCat(
          "message ", message.id, " is ", bytes, " bytes with its headers; ",
          RedactUrl(options_.url), " takes at most ", link_.max_payload_bytes(),
          " (max_payload of the server)"));
    return wire;
  }

  void ReceiveOne() {
    while (!order_.empty() && !in_flight_.contains(order_.front().token))
      order_.pop_front();
    const auto left = order_.front().deadline - SteadyClock::now();
    if (left <= SteadyClock::duration::zero()) return TimeOut();
    absl::StatusOr<MessageHandle> received =
        link_.Receive(absl::FromChrono(left));
    if (!received.ok()) {
      is_link_spoilt_ = true;
      return FailAllInFlight(received.status());
    }
    if (*received != nullptr) Take(**received);
  }

  void TimeOut() {
    is_link_spoilt_ = true;
    FailAllInFlight(absl::DeadlineExceededError(
        absl::StrCat("publishing (NATS at ", RedactUrl(options_.url),
                     "): message ", batch_[in_flight_[order_.front().token]].id,
                     " was not acknowledged within ",
                     absl::FormatDuration(options_.ack_timeout))));
  }

  void Take(natsMsg& answer) {
    std::uint64_t token = 0;
    const std::string_view text = link_.TokenOf(natsMsg_GetSubject(&answer));
    if (!absl::SimpleAtoi(ToAbsl(text), &token)) return;
    const auto found = in_flight_.find(token);
    if (found == in_flight_.end()) return;  // Of an earlier batch.
    const std::size_t index = found->second;
    in_flight_.erase(found);
    const std::string_view json(
        natsMsg_GetData(&answer),
        static_cast<std::size_t>(natsMsg_GetDataLength(&answer)));
    absl::Status stored = ParsePublishAck(json, options_.stream, options_.url);
    if (!stored.ok()) return Fail(index, std::move(stored));
    is_acknowledged_[index] = true;
    if (successor_[index] != kNone) ready_.push(successor_[index]);
  }

  void Fail(std::size_t index, absl::Status status) {
    if (index >= first_error_) return;
    first_error_ = index;
    error_ = AsPublishError(status);
  }

  void FailAllInFlight(const absl::Status& status) {
    for (const auto& [token, index] : in_flight_) Fail(index, status);
    in_flight_.clear();
  }

  const NatsOptions& options_;
  NatsLink& link_;
  std::uint64_t& next_token_;
  const std::span<const BrokerMessage> batch_;

  std::vector<std::size_t> successor_;  // Of the same topic and key, or kNone.
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>>
      ready_;
  absl::flat_hash_map<std::uint64_t, std::size_t> in_flight_;  // By token.
  std::deque<Sent> order_;  // As sent; may hold tokens already answered.
  std::vector<bool> is_acknowledged_;
  std::size_t first_error_;  // batch_.size() = none.
  absl::Status error_;       // Of that message.
  bool is_link_spoilt_ = false;
};

}  // namespace

PublishResult NatsPublisher::Publish(std::span<const BrokerMessage> batch) {
  if (link_ == nullptr) {
    absl::StatusOr<std::unique_ptr<NatsLink>> dialled =
        NatsLink::Dial(options_);
    if (!dialled.ok()) {
      // A refused login or stream is no fault of any message.
      if (absl::IsDeadlineExceeded(dialled.status()))
        return {0, dialled.status()};
      return {0, absl::UnavailableError(dialled.status().message())};
    }
    link_ = *std::move(dialled);
  }
  BatchPublish publish(options_, *link_, next_token_, batch);
  PublishResult result = publish.Run();
  if (publish.is_link_spoilt()) link_ = nullptr;
  return result;
}

}  // namespace stele::nats_internal
