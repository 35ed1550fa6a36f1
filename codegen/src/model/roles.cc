#include "model/roles.h"

#include <string>

#include "google/protobuf/descriptor.pb.h"
#include "model/source.h"
#include "stele/options.pb.h"

namespace stele::codegen {
namespace {

namespace pb = google::protobuf;

Route ReadRoute(const stele::Route& route) {
  return {{route.event(), nullptr}, route.by(), nullptr};
}

Aggregate ReadAggregate(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::aggregate);
  Aggregate aggregate;
  aggregate.location = OptionLocation(descriptor, stele::aggregate.number());
  aggregate.stream = options.stream();
  aggregate.snapshot_every = options.snapshot_every();
  return aggregate;
}

Command ReadCommand(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::command);
  return {OptionLocation(descriptor, stele::command.number()),
          {options.on(), nullptr},
          options.creates()};
}

Event ReadEvent(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::event);
  Event event;
  event.location = OptionLocation(descriptor, stele::event.number());
  event.of.written = options.of();
  event.has_own_name = !options.name().empty();
  event.stored_name =
      event.has_own_name ? options.name() : descriptor.full_name();
  event.is_public = options.public_();
  event.topic = options.topic();
  return event;
}

ReadModel ReadReadModel(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::projection);
  ReadModel read_model;
  read_model.location = OptionLocation(descriptor, stele::projection.number());
  read_model.table = options.table();
  read_model.sql = options.sql();
  for (const std::string& event : options.from()) {
    read_model.routes.push_back({{event, nullptr}, "", nullptr});
  }
  for (const stele::Route& route : options.on()) {
    read_model.routes.push_back(ReadRoute(route));
  }
  return read_model;
}

Saga ReadSaga(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::saga);
  Saga saga;
  saga.location = OptionLocation(descriptor, stele::saga.number());
  if (options.has_starts_on()) saga.starts_on = ReadRoute(options.starts_on());
  for (const stele::Route& route : options.on()) {
    saga.on.push_back(ReadRoute(route));
  }
  for (const std::string& command : options.sends()) {
    saga.sends.push_back({command, nullptr});
  }
  saga.timers = {options.timers().begin(), options.timers().end()};
  return saga;
}

}  // namespace

void ReadRoles(const pb::Descriptor& descriptor, Message& message) {
  const pb::MessageOptions& options = descriptor.options();
  if (options.HasExtension(stele::aggregate)) {
    message.aggregate = ReadAggregate(descriptor);
  }
  if (options.HasExtension(stele::command)) {
    message.command = ReadCommand(descriptor);
  }
  if (options.HasExtension(stele::event)) {
    message.event = ReadEvent(descriptor);
  }
  if (options.HasExtension(stele::projection)) {
    message.read_model = ReadReadModel(descriptor);
  }
  if (options.HasExtension(stele::saga)) message.saga = ReadSaga(descriptor);
}

}  // namespace stele::codegen
