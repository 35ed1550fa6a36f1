#include "nats_status.h"

#include <boost/json.hpp>
#include <boost/system/error_code.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "stele/base/strings.h"

namespace stele::nats_internal {
namespace {

absl::StatusCode CodeOf(natsStatus status) {
  switch (status) {
    case NATS_TIMEOUT:
      return absl::StatusCode::kDeadlineExceeded;
    case NATS_MAX_PAYLOAD:
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_ARG:
    case NATS_ADDRESS_MISSING:
      return absl::StatusCode::kInvalidArgument;
    case NATS_NO_MEMORY:
      return absl::StatusCode::kResourceExhausted;
    case NATS_NOT_FOUND:
      return absl::StatusCode::kNotFound;
    case NATS_SSL_ERROR:
    case NATS_SECURE_CONNECTION_WANTED:
    case NATS_SECURE_CONNECTION_REQUIRED:
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

std::string_view AdviceOn(natsStatus status) {
  switch (status) {
    case NATS_NO_SERVER:
    case NATS_IO_ERROR:
      return "is the server running there, and does a firewall let us through?";
    case NATS_CONNECTION_AUTH_FAILED:
      return "check user, password, token or credentials file";
    case NATS_NOT_PERMITTED:
      return "the account may not use this subject: extend its permissions";
    case NATS_SSL_ERROR:
      return "check the CA, the certificate and the host name";
    case NATS_SECURE_CONNECTION_WANTED:
      return "the server speaks no TLS: use a nats:// URL";
    case NATS_SECURE_CONNECTION_REQUIRED:
      return "the server wants TLS: use a tls:// URL";
    case NATS_NO_RESPONDERS:
      return "is JetStream enabled on the server (nats-server -js)?";
    case NATS_ADDRESS_MISSING:
      return "the URL names no host";
    default:
      return "";
  }
}

absl::Status Make(absl::StatusCode code, std::string_view doing,
                  std::string_view url, std::string_view what,
                  std::string_view advice) {
  std::string message = absl::StrCat(ToAbsl(doing), " (NATS at ",
                                     RedactUrl(url), "): ", ToAbsl(what));
  if (!advice.empty()) absl::StrAppend(&message, "; ", ToAbsl(advice));
  return absl::Status(code, message);
}

// Of the server, and not named by this version of the library.
constexpr int kHeaderTooLarge = 10097;

std::string_view AdviceOnServerError(int code) {
  switch (code) {
    case JSNotEnabledErr:
      return "start the server with JetStream (nats-server -js)";
    case JSNotEnabledForAccountErr:
      return "enable JetStream for this account";
    case JSStreamSubjectOverlapErr:
      return "another stream takes the same subjects: choose another "
             "subject_prefix, or the name of that stream";
    case JSStorageResourcesExceededErr:
    case JSStreamStoreFailedErr:
      return "make room on the server's disk, raise the stream's limits, or "
             "purge "
             "what everybody has read";
    default:
      return "";
  }
}

std::string TextOf(const boost::json::object& object, const char* name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return "";
  return std::string(value->get_string());
}

int NumberOf(const boost::json::object& object, const char* name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return 0;
  return static_cast<int>(value->get_int64());
}

}  // namespace

std::string RedactUrl(std::string_view url) {
  std::vector<std::string> servers =
      absl::StrSplit(ToAbsl(url), ',', absl::SkipWhitespace());
  for (std::string& server : servers) {
    const std::size_t scheme = server.find("://");
    const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
    const std::size_t at = server.rfind('@');
    if (at != std::string::npos && at >= begin)
      server.replace(begin, at - begin, "***");
  }
  return absl::StrJoin(servers, ",");
}

absl::Status ToStatus(natsStatus status, std::string_view doing,
                      std::string_view url) {
  if (status == NATS_OK) return absl::OkStatus();
  return Make(CodeOf(status), doing, url, natsStatus_GetText(status),
              AdviceOn(status));
}

absl::Status ToStatus(natsStatus status, jsErrCode code, std::string_view doing,
                      std::string_view url) {
  if (status == NATS_OK) return absl::OkStatus();
  if (code == 0) return ToStatus(status, doing, url);
  natsStatus ignored = NATS_OK;
  const char* text = nats_GetLastError(&ignored);
  return FromServerError(static_cast<int>(code), text == nullptr ? "" : text,
                         doing, url);
}

absl::Status FromServerError(int code, std::string_view description,
                             std::string_view doing, std::string_view url) {
  const std::string what = absl::StrCat(
      description.empty() ? "refused" : ToAbsl(description), " [", code, "]");
  absl::StatusCode status = absl::StatusCode::kUnavailable;
  switch (code) {
    case JSStreamMessageExceedsMaximumErr:
    case kHeaderTooLarge:
      status = absl::StatusCode::kInvalidArgument;
      break;
    case JSStreamNotFoundErr:
    case JSConsumerNotFoundErr:
      status = absl::StatusCode::kNotFound;
      break;
    case JSStreamSubjectOverlapErr:
    case JSNotEnabledErr:
    case JSNotEnabledForAccountErr:
      status = absl::StatusCode::kFailedPrecondition;
      break;
    default:
      break;
  }
  return Make(status, doing, url, what, AdviceOnServerError(code));
}

absl::Status ParsePublishAck(std::string_view json, std::string_view stream,
                             std::string_view url) {
  constexpr std::string_view kDoing = "publishing";
  boost::system::error_code failed;
  const boost::json::value parsed =
      boost::json::parse({json.data(), json.size()}, failed);
  if (failed || !parsed.is_object())
    return Make(absl::StatusCode::kUnavailable, kDoing, url,
                absl::StrCat("no acknowledgement of JetStream: ", Quoted(json)),
                "");
  const boost::json::object& ack = parsed.get_object();
  if (const boost::json::value* error = ack.if_contains("error")) {
    if (!error->is_object())
      return Make(absl::StatusCode::kUnavailable, kDoing, url, "refused", "");
    const boost::json::object& details = error->get_object();
    return FromServerError(NumberOf(details, "err_code"),
                           TextOf(details, "description"), kDoing, url);
  }
  if (const std::string by = TextOf(ack, "stream"); by != stream)
    return Make(absl::StatusCode::kUnavailable, kDoing, url,
                absl::StrCat("acknowledged by ", Quoted(by),
                             ", which is not the stream ", Quoted(stream)),
                "another stream or service listens on our subjects");
  return absl::OkStatus();
}

}  // namespace stele::nats_internal
