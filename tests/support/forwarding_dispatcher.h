#ifndef STELE_TESTS_SUPPORT_FORWARDING_DISPATCHER_H_
#define STELE_TESTS_SUPPORT_FORWARDING_DISPATCHER_H_

#include <string_view>

#include "stele/aggregates/dispatcher.h"

namespace stele::testing {

// A dispatcher that passes every command on to another: what decorators begin
// with. Thread-safe if the other one is.
class ForwardingDispatcher : public Dispatcher {
 public:
  // `inner` must outlive it.
  explicit ForwardingDispatcher(Dispatcher& inner) : inner_(inner) {}

  absl::StatusOr<Receipt> Dispatch(const google::protobuf::Message& command,
                                   const DispatchOptions& options) override {
    return inner_.Dispatch(command, options);
  }
  absl::StatusOr<Receipt> DispatchIn(Transaction& tx,
                                     const google::protobuf::Message& command,
                                     const DispatchOptions& options) override {
    return inner_.DispatchIn(tx, command, options);
  }
  absl::StatusOr<Receipt> DispatchBytes(
      std::string_view type, std::string_view payload,
      const DispatchOptions& options) override {
    return inner_.DispatchBytes(type, payload, options);
  }

 protected:
  Dispatcher& inner() { return inner_; }

 private:
  Dispatcher& inner_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_SUPPORT_FORWARDING_DISPATCHER_H_
