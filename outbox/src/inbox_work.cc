#include "inbox_work.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "broken_body.h"
#include "digest.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/errors.h"

namespace stele::outbox_internal {
namespace {

constexpr std::size_t kMaxKeyBytes = 1024;
constexpr std::size_t kMaxCauseBytes = 4000;

// How many bytes of a text that is not fit are shown.
constexpr std::size_t kShownBytes = 64;

// Fit for a text column and its index, whatever bytes came in; and different
// for different texts.
std::string SafeText(const std::string& text) {
  const bool is_fit = text.size() <= kMaxKeyBytes && IsValidUtf8(text) &&
                      text.find('\0') == std::string::npos;
  if (is_fit) return text;
  return absl::StrCat(
      "hex:", absl::BytesToHexString(text.substr(0, kShownBytes)),
      " sha256:", Sha256(text));
}

// What a malformed message is told from others by: source and id, which may be
// any bytes, with the length to show where one ends.
std::string DedupIdOfMalformed(const std::string& source,
                               const std::string& id) {
  return absl::StrCat("malformed ",
                      Sha256(absl::StrCat(source.size(), " ", source, id)));
}

std::string HeaderOf(const BrokerMessage& message, const char* name) {
  const auto found = message.headers.find(name);
  return found == message.headers.end() ? "" : found->second;
}

std::string CauseOf(const absl::Status& status) {
  std::string cause =
      status.ToString(absl::StatusToStringMode::kWithNoExtraData);
  if (cause.size() > kMaxCauseBytes) cause.resize(kMaxCauseBytes);
  // A cut may have hit the middle of a character; a handler says anything.
  while (!cause.empty() && !IsValidUtf8(cause) && cause.size() > 1 &&
         cause.size() + 4 > kMaxCauseBytes)
    cause.pop_back();
  const bool is_fit =
      IsValidUtf8(cause) && cause.find('\0') == std::string::npos;
  return is_fit ? cause : absl::CHexEscape(cause);
}

absl::Status NoHandlerError(const InboundMessage& message) {
  return absl::UnimplementedError(absl::StrCat(
      "no handler for its type in this process: ", Quoted(message.type)));
}

}  // namespace

struct InboxWork::Read {
  Read(const BrokerMessage& raw_message, std::size_t body_bytes_max)
      : raw(raw_message), parsed(ParseCloudEvent(raw_message, body_bytes_max)) {
    if (parsed.ok()) {
      key = parsed->key;
      dedup_id = parsed->DedupId();
      return;
    }
    // Malformed, but it keeps its place in the order of its key, and its id.
    key = HeaderOf(raw, "ce-partitionkey");
    if (key.empty()) key = HeaderOf(raw, "ce-subject");
    key = SafeText(key);
    if (!raw.id.empty()) {
      dedup_id = DedupIdOfMalformed(HeaderOf(raw, "ce-source"), raw.id);
    }
  }

  explicit Read(const ParkedMessage& parked, std::size_t body_bytes_max)
      : raw(parked.message),
        parsed(parked.read_error.ok()
                   ? ParseCloudEvent(parked.message, body_bytes_max)
                   : parked.read_error),
        key(parked.key) {}

  const BrokerMessage& raw;
  const absl::StatusOr<InboundMessage> parsed;
  std::string key;
  std::string dedup_id;  // Empty: a second delivery cannot be told.
};

InboxWork::InboxWork(EventStore& store, InboxStorage& storage,
                     InboxLease& lease, const InboxOptions& options,
                     const Handlers& handlers, Clock& clock, Wait wait,
                     OnFailure on_failure)
    : store_(store),
      storage_(storage),
      lease_(lease),
      options_(options),
      handlers_(handlers),
      clock_(clock),
      wait_(std::move(wait)),
      on_failure_(std::move(on_failure)) {}

absl::Status InboxWork::Transact(
    absl::FunctionRef<absl::Status(Transaction&)> work) {
  return store_.Transact([&](Transaction& tx) {
    STELE_RETURN_IF_ERROR(lease_.Fence(tx));
    return work(tx);
  });
}

absl::Status InboxWork::Invoke(Transaction& tx, const InboundMessage& message) {
  const auto handler = handlers_.find(message.type);
  if (handler == handlers_.end()) return NoHandlerError(message);
  return postgres::InvokeUserSql(
      absl::StrCat("the inbox handler of ", message.type), "handling a message",
      [&] { return handler->second(tx, message); });
}

void InboxWork::Failed(const Read& read, const absl::Status& failure) const {
  on_failure_(read.raw.id, read.key, failure);
}

absl::StatusOr<Outcome> InboxWork::HandleNew(const BrokerMessage& message) {
  has_given_up_ = false;
  const Read read(message, options_.message_bytes_max);
  if (read.parsed.ok() && !handlers_.contains(read.parsed->type)) {
    // Not claimed: a later release may handle it when it is relayed again.
    if (options_.unknown_types == UnknownTypes::kSkip)
      return Outcome::kUnhandled;
    Failed(read, NoHandlerError(*read.parsed));
    return SetAside(read, NoHandlerError(*read.parsed), 1);
  }
  if (!read.parsed.ok()) {
    Failed(read, read.parsed.status());
    return SetAside(read, read.parsed.status(), 1);
  }
  Backoff backoff(options_.retry);
  for (int tries = 1;; ++tries) {
    absl::Status failure;
    absl::StatusOr<Outcome> outcome = TryOnce(read, failure);
    if (outcome.ok() || failure.ok()) return outcome;
    Failed(read, failure);
    if (tries >= TriesFor(failure)) return SetAside(read, failure, tries);
    if (!wait_(backoff.Next()))
      return absl::CancelledError("stopping before the next try");
  }
}

// Sets `failure` if the message, rather than the database, is at fault.
absl::StatusOr<Outcome> InboxWork::TryOnce(const Read& read,
                                           absl::Status& failure) {
  Outcome outcome = Outcome::kHandled;
  absl::Status handled;
  const absl::Status done = Transact([&](Transaction& tx) -> absl::Status {
    outcome = Outcome::kHandled;
    handled = absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(
        const bool is_new,
        storage_.Claim(tx, options_.name, read.dedup_id, clock_.Now()));
    if (!is_new) {
      outcome = Outcome::kDuplicate;
      return absl::OkStatus();
    }
    bool is_parked = false;
    if (!read.key.empty()) {
      STELE_ASSIGN_OR_RETURN(is_parked,
                             storage_.IsParked(tx, options_.name, read.key));
    }
    if (is_parked) {
      outcome = Outcome::kHeld;
      ParkedMessage held;
      held.key = read.key;
      held.message = read.raw;
      held.is_held = true;
      held.parked_at = clock_.Now();
      held.next_try = absl::InfiniteFuture();
      return storage_.Park(tx, options_.name, held);
    }
    handled = Invoke(tx, *read.parsed);
    return handled;
  });
  if (done.ok()) return outcome;
  // A commit that is refused for what the handler wrote is its failure too.
  if (!handled.ok()) {
    failure = handled;
  } else if (!IsTransient(done) && !absl::IsCancelled(done) &&
             !absl::IsFailedPrecondition(done)) {
    failure = done;
  }
  return done;
}

int InboxWork::TriesFor(const absl::Status& failure) const {
  if (IsBrokenBody(failure)) return 1;  // Bytes do not change.
  return IsTransient(failure) ? options_.transient_tries_before_parking
                              : options_.tries_before_parking;
}

absl::Time InboxWork::NextTry(const absl::Status& cause, int tries) const {
  if (IsBrokenBody(cause)) return absl::InfiniteFuture();
  const BackoffOptions& backoff = options_.park_backoff;
  const double factor = std::pow(backoff.factor, std::min(tries - 1, 60));
  return clock_.Now() + std::min(backoff.most, backoff.first * factor);
}

absl::StatusOr<Outcome> InboxWork::SetAside(const Read& read,
                                            const absl::Status& cause,
                                            int tries) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t parked_keys,
                         storage_.CountParkedKeys(options_.name));
  if (parked_keys >= options_.parked_keys_max) {
    has_given_up_ = true;
    return absl::ResourceExhaustedError(
        absl::StrCat("inbox ", options_.name, " has ", parked_keys,
                     " parked keys and stops before it parks more: look into "
                     "their causes; the last one is ",
                     CauseOf(cause)));
  }
  ParkedMessage parked;
  parked.key = read.key;
  parked.message = read.raw;
  parked.parked_at = clock_.Now();
  Outcome outcome = Outcome::kParked;
  STELE_RETURN_IF_ERROR(Transact([&](Transaction& tx) -> absl::Status {
    outcome = Outcome::kParked;
    bool is_new = true;
    if (!read.dedup_id.empty()) {
      STELE_ASSIGN_OR_RETURN(
          is_new,
          storage_.Claim(tx, options_.name, read.dedup_id, clock_.Now()));
    }
    if (!is_new) {
      outcome = Outcome::kDuplicate;
      return absl::OkStatus();
    }
    bool is_behind = false;
    if (!read.key.empty()) {
      STELE_ASSIGN_OR_RETURN(is_behind,
                             storage_.IsParked(tx, options_.name, read.key));
    }
    parked.is_held = is_behind;
    parked.cause = is_behind ? "" : CauseOf(cause);
    parked.tries = is_behind ? 0 : tries;
    // A malformed message stays so: only an operator can help.
    parked.next_try = is_behind || !read.parsed.ok() ? absl::InfiniteFuture()
                                                     : NextTry(cause, 1);
    if (is_behind) outcome = Outcome::kHeld;
    return storage_.Park(tx, options_.name, parked);
  }));
  return outcome;
}

absl::Status InboxWork::RetryDue(std::chrono::steady_clock::time_point until) {
  do {
    STELE_ASSIGN_OR_RETURN(const std::optional<ParkedMessage> due,
                           storage_.NextDue(options_.name, clock_.Now()));
    if (!due.has_value()) return absl::OkStatus();
    STELE_RETURN_IF_ERROR(RetryOne(*due));
    if (!wait_(absl::ZeroDuration())) return absl::OkStatus();
  } while (std::chrono::steady_clock::now() < until);
  return absl::OkStatus();
}

absl::Status InboxWork::RetryOne(const ParkedMessage& parked) {
  const Read read(parked, options_.message_bytes_max);
  absl::Status failure;
  const absl::Status done = Transact([&](Transaction& tx) -> absl::Status {
    failure = absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(const bool is_there,
                           storage_.Lock(tx, options_.name, parked.id));
    if (!is_there) return absl::OkStatus();  // Discarded meanwhile.
    failure =
        read.parsed.ok() ? Invoke(tx, *read.parsed) : read.parsed.status();
    STELE_RETURN_IF_ERROR(failure);
    return storage_.Unpark(tx, options_.name, parked, clock_.Now());
  });
  if (done.ok()) return absl::OkStatus();
  if (failure.ok()) {
    if (IsTransient(done)) return done;
    failure = done;
  }
  Failed(read, failure);
  ParkedMessage again = parked;
  again.cause = CauseOf(failure);
  ++again.tries;
  again.next_try =
      read.parsed.ok() ? NextTry(failure, again.tries) : absl::InfiniteFuture();
  return Transact([&](Transaction& tx) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(const bool is_there,
                           storage_.Lock(tx, options_.name, parked.id));
    if (!is_there) return absl::OkStatus();
    return storage_.Update(tx, options_.name, again);
  });
}

}  // namespace stele::outbox_internal
