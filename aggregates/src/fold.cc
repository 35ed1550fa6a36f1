#include "fold.h"

#include "absl/strings/str_cat.h"
#include "refusal.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/broken_text.h"

namespace stele {
namespace {

using google::protobuf::Message;

std::string Describe(const RecordedEvent& event) {
  return absl::StrCat("stream ", Quoted(event.stream_id), " version ",
                      event.version, " position ", event.position, " type ",
                      Quoted(event.type));
}

}  // namespace

Fold::Fold(const AggregateType& type)
    : type_(&type), state_(type.empty_state().New()) {}

Fold Fold::Copy() const {
  Fold copy(*type_);
  copy.state_->CopyFrom(*state_);
  copy.version_ = version_;
  copy.exists_ = exists_;
  return copy;
}

bool Fold::StartFrom(const Snapshot& snapshot) {
  if (state_->ParseFromString(snapshot.state)) {
    version_ = snapshot.version;
    exists_ = true;  // There are none of what does not.
    return true;
  }
  state_->Clear();
  version_ = 0;
  return false;
}

absl::Status Fold::Apply(const RecordedEvent& event) {
  if (event.version != version_ + 1) {
    return absl::DataLossError(absl::StrCat(
        Describe(event), ": follows version ", version_, " of the stream"));
  }
  if (IsAnswerType(event.type)) {
    version_ = event.version;
    return absl::OkStatus();
  }
  const AggregateType::Event* type = type_->FindEvent(event.type);
  if (type == nullptr) {
    return absl::DataLossError(absl::StrCat(
        Describe(event), ": is no event that this binary knows of ",
        type_->name()));
  }
  Message& message = ScratchFor(*type);
  if (!message.ParseFromString(event.payload)) {
    return absl::DataLossError(
        absl::StrCat(Describe(event), ": its ", event.payload.size(),
                     " bytes are not a ", message.GetTypeName()));
  }
  if (absl::Status status = type_->Evolve(*type, *state_, message);
      !status.ok()) {
    return Annotate(status, Describe(event));
  }
  version_ = event.version;
  exists_ = true;
  return absl::OkStatus();
}

absl::Status Fold::ApplyNew(const UntypedDecision::Event& event,
                            const std::string& payload) {
  const AggregateType::Event* type = type_->FindEvent(event.type);
  if (type == nullptr) {
    return absl::InternalError(absl::StrCat("decider of ", type_->name(),
                                            ": decided ", event.type,
                                            ", which is no event of it"));
  }
  Message& message = ScratchFor(*type);
  if (!message.ParseFromString(payload)) {
    if (const std::string path = FindBrokenText(*event.message);
        !path.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "field ", path, " of ", event.type, " is not well-formed UTF-8"));
    }
    return absl::InternalError(
        absl::StrCat(event.type, " cannot be read back from its own bytes"));
  }
  STELE_RETURN_IF_ERROR(type_->Evolve(*type, *state_, message));
  ++version_;
  exists_ = true;
  return absl::OkStatus();
}

Message& Fold::ScratchFor(const AggregateType::Event& event) {
  std::unique_ptr<Message>& scratch = scratch_[&event];
  if (scratch == nullptr) scratch.reset(event.prototype->New());
  return *scratch;
}

}  // namespace stele
