#ifndef STELE_OUTBOX_BROKERS_NATS_SRC_NATS_HANDLES_H_
#define STELE_OUTBOX_BROKERS_NATS_SRC_NATS_HANDLES_H_

#include <nats/nats.h>

#include <memory>

namespace stele::nats_internal {

template <typename T, void (*Destroy)(T*)>
struct Destroyer {
  void operator()(T* handle) const { Destroy(handle); }
};
template <typename T, void (*Destroy)(T*)>
using Handle = std::unique_ptr<T, Destroyer<T, Destroy>>;

using OptionsHandle = Handle<natsOptions, natsOptions_Destroy>;
using ConnectionHandle = Handle<natsConnection, natsConnection_Destroy>;
using SubscriptionHandle = Handle<natsSubscription, natsSubscription_Destroy>;
using MessageHandle = Handle<natsMsg, natsMsg_Destroy>;
using InboxHandle = Handle<natsInbox, natsInbox_Destroy>;
using JetStreamHandle = Handle<jsCtx, jsCtx_Destroy>;
using StreamInfoHandle = Handle<jsStreamInfo, jsStreamInfo_Destroy>;
using ConsumerInfoHandle = Handle<jsConsumerInfo, jsConsumerInfo_Destroy>;

}  // namespace stele::nats_internal

#endif  // STELE_OUTBOX_BROKERS_NATS_SRC_NATS_HANDLES_H_
