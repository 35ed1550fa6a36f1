#include "nats_link.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nats_names.h"
#include "nats_status.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::nats_internal {
namespace {

const char* OrNull(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

std::vector<std::string> ServersOf(const std::string& urls) {
  std::vector<std::string> servers;
  std::string server;
  for (const char c : urls + ",") {
    if (c != ',' && c != ' ') {
      server.push_back(c);
    } else if (!server.empty()) {
      servers.push_back(std::exchange(server, ""));
    }
  }
  return servers;
}

// Applies options one after another, and keeps the first error.
class OptionsBuilder {
 public:
  explicit OptionsBuilder(const NatsOptions& options) : options_(options) {}

  absl::StatusOr<OptionsHandle> Build() {
    natsOptions* made = nullptr;
    Check(natsOptions_Create(&made), "making connection options");
    handle_.reset(made);
    STELE_RETURN_IF_ERROR(status_);
    SetServers();
    SetConduct();
    SetLogin();
    SetTls();
    STELE_RETURN_IF_ERROR(status_);
    return std::move(handle_);
  }

 private:
  void Check(natsStatus status, std::string_view doing) {
    status_.Update(ToStatus(status, doing, options_.url));
  }

  void SetServers() {
    const std::vector<std::string> servers = ServersOf(options_.url);
    std::vector<const char*> pointers;
    for (const std::string& server : servers)
      pointers.push_back(server.c_str());
    Check(natsOptions_SetServers(handle_.get(), pointers.data(),
                                 static_cast<int>(pointers.size())),
          "reading the URL");
  }

  void SetConduct() {
    natsOptions* o = handle_.get();
    // The library would resend what it still buffers, and lose track of what it
    // has sent: we dial anew and resend ourselves.
    Check(natsOptions_SetAllowReconnect(o, false), "switching reconnect off");
    // Without it a lone message waits up to 1 ms for the flusher.
    Check(natsOptions_SetSendAsap(o, true), "setting send-asap");
    Check(natsOptions_SetTimeout(o, ToMillis(options_.connect_timeout)),
          "setting the connect timeout");
    Check(natsOptions_SetWriteDeadline(o, ToMillis(options_.ack_timeout)),
          "setting the write deadline");
    Check(natsOptions_SetPingInterval(o, ToMillis(options_.ack_timeout)),
          "setting the ping interval");
    Check(natsOptions_SetMaxPingsOut(o, 2), "setting the most pings out");
    Check(natsOptions_SetName(o, "stele"), "naming the connection");
  }

  void SetLogin() {
    natsOptions* o = handle_.get();
    if (!options_.user.empty())
      Check(natsOptions_SetUserInfo(o, options_.user.c_str(),
                                    options_.password.c_str()),
            "setting user and password");
    if (!options_.token.empty())
      Check(natsOptions_SetToken(o, options_.token.c_str()),
            "setting the token");
    if (!options_.credentials_file.empty())
      Check(natsOptions_SetUserCredentialsFromFiles(
                o, options_.credentials_file.c_str(), nullptr),
            "reading the credentials file");
    if (!options_.nkey_seed_file.empty())
      Check(natsOptions_SetNKeyFromSeed(o, options_.nkey_public.c_str(),
                                        options_.nkey_seed_file.c_str()),
            "reading the NKey seed file");
  }

  void SetTls() {
    natsOptions* o = handle_.get();
    if (options_.tls) Check(natsOptions_SetSecure(o, true), "enabling TLS");
    if (!options_.ca_file.empty())
      Check(natsOptions_LoadCATrustedCertificates(o, options_.ca_file.c_str()),
            "loading the CA file");
    if (!options_.certificate_file.empty())
      Check(
          natsOptions_LoadCertificatesChain(
              o, options_.certificate_file.c_str(), OrNull(options_.key_file)),
          "loading certificate and key");
    if (!options_.expected_hostname.empty())
      Check(natsOptions_SetExpectedHostname(o,
                                            options_.expected_hostname.c_str()),
            "setting the expected host name");
  }

  const NatsOptions& options_;
  OptionsHandle handle_;
  absl::Status status_;
};

jsOptions RequestOptions(const NatsOptions& options) {
  jsOptions request;
  jsOptions_Init(&request);
  request.Wait = ToMillis(options.ack_timeout);
  return request;
}

}  // namespace

std::int64_t ToMillis(absl::Duration duration) {
  return std::max<std::int64_t>(1, absl::ToInt64Milliseconds(duration));
}

absl::StatusOr<std::unique_ptr<NatsLink>> NatsLink::Dial(
    const NatsOptions& options) {
  std::unique_ptr<NatsLink> link(new NatsLink(options));
  STELE_RETURN_IF_ERROR(link->Connect());
  STELE_RETURN_IF_ERROR(link->Listen());
  STELE_RETURN_IF_ERROR(link->EnsureStream());
  return link;
}

absl::Status NatsLink::Connect() {
  STELE_ASSIGN_OR_RETURN(const OptionsHandle made,
                         OptionsBuilder(options_).Build());
  natsConnection* connection = nullptr;
  const natsStatus connected = natsConnection_Connect(&connection, made.get());
  connection_.reset(connection);
  if (connected == NATS_TIMEOUT)
    return absl::UnavailableError(absl::StrCat(
        "connecting (NATS at ", RedactUrl(options_.url), "): no answer"));
  STELE_RETURN_IF_ERROR(ToStatus(connected, "connecting", options_.url));
  const jsOptions js_options = RequestOptions(options_);
  jsCtx* jetstream = nullptr;
  jsOptions copy = js_options;
  const natsStatus status =
      natsConnection_JetStream(&jetstream, connection_.get(), &copy);
  jetstream_.reset(jetstream);
  return ToStatus(status, "opening JetStream", options_.url);
}

absl::Status NatsLink::Listen() {
  natsInbox* inbox = nullptr;
  STELE_RETURN_IF_ERROR(
      ToStatus(natsInbox_Create(&inbox), "making an inbox", options_.url));
  const InboxHandle owner(inbox);
  inbox_ = inbox;
  natsSubscription* subscription = nullptr;
  const natsStatus status = natsConnection_SubscribeSync(
      &subscription, connection_.get(), absl::StrCat(inbox_, ".*").c_str());
  subscription_.reset(subscription);
  return ToStatus(status, "subscribing to answers", options_.url);
}

absl::Status NatsLink::EnsureStream() {
  jsOptions request = RequestOptions(options_);
  jsStreamInfo* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus status = js_GetStreamInfo(
      &found, jetstream_.get(), options_.stream.c_str(), &request, &code);
  const StreamInfoHandle info(found);
  if (status == NATS_NOT_FOUND || code == JSStreamNotFoundErr)
    return AddStream();
  STELE_RETURN_IF_ERROR(ToStatus(
      status, code, absl::StrCat("looking for stream ", options_.stream),
      options_.url));
  return FitStream(*info->Config);
}

absl::Status NatsLink::AddStream() {
  const std::string subject = SubjectOf(options_.subject_prefix, ">");
  const char* subjects[] = {subject.c_str()};
  jsStreamConfig stream;
  STELE_RETURN_IF_ERROR(ToStatus(jsStreamConfig_Init(&stream),
                                 "describing the stream", options_.url));
  stream.Name = options_.stream.c_str();
  stream.Subjects = subjects;
  stream.SubjectsLen = 1;
  stream.Storage = js_FileStorage;
  stream.Discard = js_DiscardNew;  // Full means wait, not forget.
  stream.Replicas = options_.replicas;
  stream.MaxBytes = options_.max_bytes;
  stream.MaxAge = absl::ToInt64Nanoseconds(options_.max_age);
  stream.Duplicates = absl::ToInt64Nanoseconds(options_.duplicates_window);
  jsOptions request = RequestOptions(options_);
  jsErrCode code = static_cast<jsErrCode>(0);
  // Two that add it at the same time with the same options both succeed.
  const natsStatus added =
      js_AddStream(nullptr, jetstream_.get(), &stream, &request, &code);
  return ToStatus(added, code, absl::StrCat("adding stream ", options_.stream),
                  options_.url);
}

// Widens a stream that is there; never narrows it, for others may share it.
absl::Status NatsLink::FitStream(jsStreamConfig& stream) {
  if (stream.Storage != js_FileStorage)
    return absl::FailedPreconditionError(absl::StrCat(
        "stream ", options_.stream, " (NATS at ", RedactUrl(options_.url),
        ") keeps messages in memory; choose another name, or delete it and "
        "let it be made anew"));
  const std::string subject = SubjectOf(options_.subject_prefix, ">");
  std::vector<const char*> subjects(stream.Subjects,
                                    stream.Subjects + stream.SubjectsLen);
  const bool has_subject =
      std::any_of(subjects.begin(), subjects.end(), [&](const char* taken) {
        return subject == taken || std::string_view(taken) == ">";
      });
  const std::int64_t window =
      absl::ToInt64Nanoseconds(options_.duplicates_window);
  if (has_subject && stream.Duplicates >= window) return absl::OkStatus();

  jsStreamConfig wider = stream;  // Borrows what `stream` owns.
  if (!has_subject) subjects.push_back(subject.c_str());
  wider.Subjects = subjects.data();
  wider.SubjectsLen = static_cast<int>(subjects.size());
  wider.Duplicates = std::max(stream.Duplicates, window);
  jsOptions request = RequestOptions(options_);
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus widened =
      js_UpdateStream(nullptr, jetstream_.get(), &wider, &request, &code);
  return ToStatus(widened, code,
                  absl::StrCat("widening stream ", options_.stream),
                  options_.url);
}

absl::Status NatsLink::Send(natsMsg* message, std::string_view doing) {
  return ToStatus(natsConnection_PublishMsg(connection_.get(), message), doing,
                  options_.url);
}

absl::Status NatsLink::Send(const std::string& subject,
                            const std::string& reply, std::string_view data,
                            std::string_view doing) {
  const int size = static_cast<int>(data.size());
  const natsStatus status =
      reply.empty()
          ? natsConnection_Publish(connection_.get(), subject.c_str(),
                                   data.data(), size)
          : natsConnection_PublishRequest(connection_.get(), subject.c_str(),
                                          reply.c_str(), data.data(), size);
  return ToStatus(status, doing, options_.url);
}

absl::StatusOr<MessageHandle> NatsLink::Receive(absl::Duration wait) {
  natsMsg* message = nullptr;
  const std::int64_t millis = wait <= absl::ZeroDuration() ? 0 : ToMillis(wait);
  const natsStatus status =
      natsSubscription_NextMsg(&message, subscription_.get(), millis);
  MessageHandle handle(message);
  if (status == NATS_TIMEOUT) return MessageHandle();
  if (status == NATS_OK) return handle;
  if (status == NATS_NO_RESPONDERS)
    return absl::UnavailableError(absl::StrCat(
        "waiting for answers (NATS at ", RedactUrl(options_.url),
        "): the server has no stream or consumer for what was asked"));
  return absl::UnavailableError(
      absl::StrCat("waiting for answers (NATS at ", RedactUrl(options_.url),
                   "): ", natsStatus_GetText(status)));
}

std::string NatsLink::ReplySubject(std::string_view token) const {
  return absl::StrCat(inbox_, ".", ToAbsl(token));
}

std::string_view NatsLink::TokenOf(std::string_view subject) const {
  if (!subject.starts_with(inbox_) || subject.size() <= inbox_.size() + 1)
    return "";
  return subject.substr(inbox_.size() + 1);
}

std::int64_t NatsLink::max_payload_bytes() const {
  return natsConnection_GetMaxPayload(connection_.get());
}

}  // namespace stele::nats_internal
