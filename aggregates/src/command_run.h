#ifndef STELE_AGGREGATES_SRC_COMMAND_RUN_H_
#define STELE_AGGREGATES_SRC_COMMAND_RUN_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "command_metrics.h"
#include "fold.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/aggregates/dispatcher.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"
#include "stream_state.h"
#include "stream_turns.h"

namespace stele {

// Where commands of one type go.
struct CommandRoute {
  const AggregateType& aggregate;
  const AggregateType::Command& command;
  std::string id_field;  // For messages.
  CommandMetrics metrics;
};

// The way of one command from its arrival to its receipt.
//
// Not thread-safe: one thread at a time.
class CommandRun {
 public:
  // Everything must outlive the run. Nothing in `options` is null.
  CommandRun(EventStore& store, StreamTurns& turns,
             const DispatcherOptions& options, CommandRoute& route,
             const google::protobuf::Message& message,
             const DispatchOptions& dispatch);

  // One of these, once.
  absl::StatusOr<Receipt> Run();
  absl::StatusOr<Receipt> RunIn(Transaction& tx);

 private:
  using Append =
      absl::FunctionRef<absl::StatusOr<AppendResult>(const AppendRequest&)>;

  // What is to be appended (no events: nothing), and the state afterwards.
  struct Plan {
    absl::Status refusal;  // Not OK: the answer, once it has been appended.
    bool changes_nothing = false;  // The one event says so.
    AppendRequest request;
    Fold after;
  };

  absl::Status Prepare();
  absl::Status PrepareMetadata();
  absl::StatusOr<Receipt> RunInTurn();
  absl::StatusOr<Receipt> DecideAndAppend(Append append,
                                          int conflict_retries_max);
  absl::Status Load();
  absl::Status CatchUp();
  absl::StatusOr<Plan> MakePlan();
  absl::StatusOr<Plan> MakeFreshPlan();
  Plan EmptyPlan() const;
  Plan PlanRefusal(const Rejection& rejection) const;
  Plan PlanNothing() const;
  absl::Status AddEvent(const UntypedDecision::Event& event, Plan& plan);
  absl::Status ExplainAppend(const absl::Status& status);
  absl::StatusOr<Receipt> AnswerWithoutEvents(const Plan& plan) const;
  absl::StatusOr<Receipt> AnswerAppended(const AppendResult& result, Plan plan);
  absl::StatusOr<Receipt> FirstAnswer(const AppendResult& first);
  absl::StatusOr<Receipt> FirstAnswerOr(absl::StatusOr<Receipt> answer);
  Receipt ReceiptOf(const AppendResult& result) const;
  Receipt ReceiptWithoutEvents(std::int64_t version) const;

  EventStore& store_;
  StreamTurns& turns_;
  const DispatcherOptions& options_;
  CommandRoute& route_;
  const google::protobuf::Message& message_;
  const DispatchOptions& dispatch_;

  const Uuid command_id_;
  const std::string stream_id_;
  std::string metadata_;
  std::unique_ptr<StreamState> stream_;
  bool is_fresh_ = false;  // `stream_` was read since the command arrived.
  bool is_in_transaction_ = false;
  bool must_not_exist_but_does_ = false;
  bool was_in_doubt_ = false;
  bool has_appended_ = false;
  bool is_settled_ = false;  // The answer is what the stream says of the id.
};

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_COMMAND_RUN_H_
