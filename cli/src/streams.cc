#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "arguments.h"
#include "commands.h"
#include "stele/base/status.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

struct ShowOptions {
  std::string stream_id;
  std::int64_t limit = 100;
  bool backwards = false;
};

json::object ToJson(const RecordedEvent& event) {
  json::object object{{"version", event.version},
                      {"position", event.position},
                      {"recorded_at", TimeText(event.recorded_at)},
                      {"event_id", event.id.ToString()},
                      {"type", event.type},
                      {"payload_base64", absl::Base64Escape(event.payload)}};
  if (absl::StatusOr<EventMetadata> metadata = ParseMetadata(event.metadata);
      metadata.ok()) {
    object["correlation_id"] = metadata->correlation_id;
    object["causation_id"] = metadata->causation_id;
    object["traceparent"] = metadata->traceparent;
  }
  return object;
}

absl::StatusOr<Report> Show(const Context& context,
                            const ShowOptions& options) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(options.stream_id));
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(const StreamInfo info,
                         store->GetStream(options.stream_id));
  if (info.version == 0) {
    return absl::NotFoundError(
        absl::StrCat("there is no stream ", options.stream_id));
  }
  Report report;
  report.columns = {"version", "position", "recorded at", "type", "bytes"};
  json::array events;
  const ReadStreamRequest request = {.stream_id = options.stream_id,
                                     .direction = options.backwards
                                                      ? Direction::kBackwards
                                                      : Direction::kForwards,
                                     .limit = options.limit};
  STELE_RETURN_IF_ERROR(store->ReadStream(request, [&](RecordedEvent event) {
    report.rows.push_back({absl::StrCat(event.version),
                           absl::StrCat(event.position),
                           TimeText(event.recorded_at), Printable(event.type),
                           absl::StrCat(event.payload.size())});
    events.push_back(ToJson(event));
    return absl::OkStatus();
  }));
  report.text = absl::StrCat(report.rows.size(), " of ", info.version,
                             " events of ", options.stream_id, "\n");
  report.data = json::object{{"stream", options.stream_id},
                             {"version", info.version},
                             {"events", std::move(events)}};
  return report;
}

}  // namespace

void AddStreams(CLI::App& app, const Context& context, Command& chosen) {
  CLI::App* streams = app.add_subcommand("streams", "Look into streams");
  streams->require_subcommand(1);
  auto options = std::make_shared<ShowOptions>();
  CLI::App* show = AddCommand(
      streams, "show", "Show the events of one stream",
      [&context, options] { return Show(context, *options); }, chosen);
  show->add_option("stream", options->stream_id, "Its id, e.g. order-A-17")
      ->required();
  AddNumber(show, "--limit", options->limit, "Most events to show", 1,
            1'000'000);
  show->add_flag("--backwards", options->backwards, "The newest first");
}

}  // namespace stele::cli
