#include "stele/sagas/next.h"

#include "google/protobuf/message.h"

namespace stele {
namespace {

std::shared_ptr<const google::protobuf::Message> Copy(
    const google::protobuf::Message& message) {
  std::shared_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

}  // namespace

Next& Next::Send(const google::protobuf::Message& command) & {
  commands_.push_back(Copy(command));
  return *this;
}

Next Next::Send(const google::protobuf::Message& command) && {
  return std::move(Send(command));
}

Next& Next::Undo(const google::protobuf::Message& command) & {
  undos_.push_back(Copy(command));
  return *this;
}

Next Next::Undo(const google::protobuf::Message& command) && {
  return std::move(Undo(command));
}

Next& Next::AndComplete() & {
  outcome_ = Outcome::kComplete;
  reason_.clear();
  return *this;
}

Next Next::AndComplete() && { return std::move(AndComplete()); }

Next& Next::AndCompensate(std::string_view reason) & {
  outcome_ = Outcome::kCompensate;
  reason_ = std::string(reason);
  return *this;
}

Next Next::AndCompensate(std::string_view reason) && {
  return std::move(AndCompensate(reason));
}

Next& Next::ChangeTimer(std::string_view name,
                        std::optional<absl::Duration> after) {
  timers_.push_back({std::string(name), after});
  return *this;
}

Next Continue() { return Next(); }

Next Complete() { return Next().AndComplete(); }

Next Send(const google::protobuf::Message& command) {
  return Next().Send(command);
}

Next Compensate(std::string_view reason) {
  return Next().AndCompensate(reason);
}

}  // namespace stele
