#include "stele/aggregates/aggregate_dispatcher.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "command_metrics.h"
#include "command_run.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/options.pb.h"
#include "stream_turns.h"

namespace stele {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;

constexpr int kRetriesMax = 1000;

DispatcherOptions Settled(DispatcherOptions options) {
  options.conflict_retries_max =
      std::clamp(options.conflict_retries_max, 0, kRetriesMax);
  options.waiting_commands_max = std::max(options.waiting_commands_max, 0);
  options.in_doubt_retries_max =
      std::clamp(options.in_doubt_retries_max, 0, kRetriesMax);
  if (options.clock == nullptr) options.clock = &SystemClock();
  if (options.ids == nullptr) options.ids = &RandomIds();
  if (options.metrics == nullptr) options.metrics = &NoMetrics();
  if (options.wait == nullptr) options.wait = absl::SleepFor;
  return options;
}

std::string IdFieldOf(const Descriptor& command) {
  for (int i = 0; i < command.field_count(); ++i) {
    if (command.field(i)->options().GetExtension(id)) {
      return command.field(i)->name();
    }
  }
  return "id";
}

class Dispatching final : public AggregateDispatcher {
 public:
  Dispatching(EventStore& store, DispatcherOptions options)
      : store_(store),
        options_(Settled(std::move(options))),
        turns_(options_.waiting_commands_max, *options_.metrics) {}

  absl::Status Add(AggregateType type) override;
  bool Handles(std::string_view command_type) const override {
    return RouteFor(std::string(command_type)) != nullptr;
  }

  absl::StatusOr<Receipt> Dispatch(const Message& command,
                                   const DispatchOptions& options) override;
  absl::StatusOr<Receipt> DispatchIn(Transaction& tx, const Message& command,
                                     const DispatchOptions& options) override;
  absl::StatusOr<Receipt> DispatchBytes(
      std::string_view type, std::string_view payload,
      const DispatchOptions& options) override;

 private:
  using Handling = absl::FunctionRef<absl::StatusOr<Receipt>(CommandRun&)>;

  absl::Status CheckNew(const AggregateType& type) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  CommandRoute* RouteFor(const std::string& command_type) const;
  absl::StatusOr<Receipt> Handle(const Message& command,
                                 const DispatchOptions& options,
                                 Handling handling);

  EventStore& store_;
  const DispatcherOptions options_;
  StreamTurns turns_;

  mutable absl::Mutex mutex_;
  // What is in here stays, so that it is used without the lock.
  std::vector<std::unique_ptr<const AggregateType>> types_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::unique_ptr<CommandRoute>> routes_
      ABSL_GUARDED_BY(mutex_);
};

absl::Status Validate(const AggregateType& type) {
  absl::Status status = ValidateCategory(type.category());
  for (const AggregateType::Event& event : type.events()) {
    status.Update(ValidateType(event.type));
  }
  return status.ok() ? status : Annotate(status, type.name());
}

absl::Status Dispatching::Add(AggregateType type) {
  STELE_RETURN_IF_ERROR(Validate(type));
  absl::MutexLock lock(&mutex_);
  STELE_RETURN_IF_ERROR(CheckNew(type));
  const AggregateType& added = *types_.emplace_back(
      std::make_unique<const AggregateType>(std::move(type)));
  for (const AggregateType::Command& command : added.commands()) {
    routes_.emplace(
        command.type,
        new CommandRoute{
            .aggregate = added,
            .command = command,
            .id_field = IdFieldOf(*command.prototype->GetDescriptor()),
            .metrics = {*options_.metrics, command.type}});
  }
  return absl::OkStatus();
}

absl::Status Dispatching::CheckNew(const AggregateType& type) const {
  for (const auto& other : types_) {
    if (other->name() == type.name()) {
      return absl::AlreadyExistsError(
          absl::StrCat("aggregate ", type.name(), " has a decider already"));
    }
    if (other->category() == type.category()) {
      return absl::AlreadyExistsError(absl::StrCat(
          "aggregates ", other->name(), " and ", type.name(),
          " both have the stream category ", Quoted(type.category())));
    }
  }
  for (const AggregateType::Command& command : type.commands()) {
    if (routes_.contains(command.type)) {
      return absl::AlreadyExistsError(
          absl::StrCat("command ", command.type, " has an aggregate already"));
    }
  }
  return absl::OkStatus();
}

CommandRoute* Dispatching::RouteFor(const std::string& command_type) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto it = routes_.find(command_type);
  return it == routes_.end() ? nullptr : it->second.get();
}

absl::StatusOr<Receipt> Dispatching::Handle(const Message& command,
                                            const DispatchOptions& options,
                                            Handling handling) {
  CommandRoute* const route = RouteFor(command.GetDescriptor()->full_name());
  if (route == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no aggregate was added that takes the command ",
                     command.GetDescriptor()->full_name()));
  }
  // The decider wants the generated class. A message made at run time from a
  // descriptor gets there through its bytes.
  const Message* message = &command;
  std::unique_ptr<Message> converted;
  if (command.GetReflection() != route->command.prototype->GetReflection()) {
    converted.reset(route->command.prototype->New());
    if (!converted->ParseFromString(command.SerializeAsString())) {
      return absl::InvalidArgumentError(
          absl::StrCat("message is not a ", route->command.type,
                       " as this binary knows it"));
    }
    message = converted.get();
  }
  const absl::Time start = options_.clock->Now();
  CommandRun run(store_, turns_, options_, *route, *message, options);
  absl::StatusOr<Receipt> receipt = handling(run);
  route->metrics.Answered(receipt, options_.clock->Now() - start);
  return receipt;
}

absl::StatusOr<Receipt> Dispatching::Dispatch(const Message& command,
                                              const DispatchOptions& options) {
  return Handle(command, options, [](CommandRun& run) { return run.Run(); });
}

absl::StatusOr<Receipt> Dispatching::DispatchIn(
    Transaction& tx, const Message& command, const DispatchOptions& options) {
  return Handle(command, options,
                [&tx](CommandRun& run) { return run.RunIn(tx); });
}

absl::StatusOr<Receipt> Dispatching::DispatchBytes(
    std::string_view type, std::string_view payload,
    const DispatchOptions& options) {
  CommandRoute* const route = RouteFor(std::string(type));
  if (route == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no aggregate was added that takes the command ", Quoted(type)));
  }
  const std::unique_ptr<Message> command(route->command.prototype->New());
  if (payload.size() > std::numeric_limits<int>::max() ||
      !command->ParseFromArray(payload.data(),
                               static_cast<int>(payload.size()))) {
    return absl::DataLossError(absl::StrCat("command of ", payload.size(),
                                            " bytes is not a ",
                                            route->command.type));
  }
  return Dispatch(*command, options);
}

}  // namespace

std::unique_ptr<AggregateDispatcher> MakeDispatcher(EventStore& store,
                                                    DispatcherOptions options) {
  return std::make_unique<Dispatching>(store, std::move(options));
}

}  // namespace stele
