// Opens accounts, moves money, looks at what happened: see kUsage.
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "account.h"
#include "stele/aggregates/load.h"
#include "stele/base/status.h"
#include "stele/eventstore/in_memory.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/runtime/migrate.h"
#include "stele/runtime/runtime.h"
#include "transfers.h"

namespace bank {
namespace {

constexpr char kUsage[] =
    "Usage: quickstart [DATABASE]\n\n"
    "Opens accounts, moves money, looks at what happened. In memory, or in\n"
    "PostgreSQL if a connection string is given: postgresql://localhost/bank\n";

// [store]
absl::StatusOr<std::unique_ptr<stele::EventStore>> OpenStore(
    const std::string& url) {
  if (url.empty()) return stele::MakeInMemoryEventStore();
  STELE_RETURN_IF_ERROR(stele::MigrateAll(url, "quickstart"));
  return stele::OpenPostgresEventStore({.dsn = url, .schema = "quickstart"});
}
// [/store]

// Opening is refused when an earlier run has opened it: that is all right.
absl::Status Open(AccountClient& accounts, const std::string& id,
                  const std::string& owner) {
  const auto opened = accounts.OpenAccount({.account_id = id, .owner = owner});
  if (stele::IsRejected(opened.status())) return absl::OkStatus();
  return opened.status();
}

absl::StatusOr<std::int64_t> BalanceOf(stele::Runtime& runtime,
                                       const std::string& id) {
  STELE_ASSIGN_OR_RETURN(
      const auto account,
      stele::LoadAggregate<AccountDecider>(runtime.store(), id));
  return account.state.balance_cents();
}

// A saga goes on by itself. Waits until it has brought `cents` to an account.
absl::Status AwaitBalance(stele::Runtime& runtime, const std::string& id,
                          std::int64_t cents) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  std::int64_t head = 0;
  while (absl::Now() < deadline) {
    STELE_ASSIGN_OR_RETURN(const std::int64_t balance, BalanceOf(runtime, id));
    if (balance == cents) return absl::OkStatus();
    const auto next = runtime.store().WaitForHead(head, deadline);
    // Something else on this store is being stopped; we go on.
    if (absl::IsCancelled(next.status())) continue;
    if (!next.ok()) return next.status();
    head = *next;
  }
  return absl::DeadlineExceededError("the transfer takes too long");
}

// [transfer]
absl::Status MoveMoney(stele::Runtime& runtime, AccountClient& accounts) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t before, BalanceOf(runtime, "bob"));
  STELE_RETURN_IF_ERROR(accounts.RequestTransfer(
      {.account_id = "ada",
       .transfer_id = stele::RandomIds().Next().ToString(),
       .to_account_id = "bob",
       .amount_cents = 30'00}));
  STELE_RETURN_IF_ERROR(AwaitBalance(runtime, "bob", before + 30'00));
  std::cout << "Bob got 30.00 from Ada\n";
  return absl::OkStatus();
}
// [/transfer]

// [story]
absl::Status PrintStory(stele::EventStore& store, const std::string& stream) {
  std::cout << stream << ":\n";
  return store.ReadStream(
      {.stream_id = stream}, [](const stele::RecordedEvent& event) {
        std::cout << "  " << event.version << " " << event.type << "\n";
        return absl::OkStatus();
      });
}
// [/story]

absl::Status Run(const std::string& url) {
  STELE_ASSIGN_OR_RETURN(auto store, OpenStore(url));
  // [wiring]
  stele::Runtime runtime(std::move(store), {.service = "bank"});
  runtime.Add<AccountDecider>().Add<Balances>().Add<Transfers>();
  STELE_RETURN_IF_ERROR(runtime.Start());

  AccountClient accounts(runtime);
  STELE_RETURN_IF_ERROR(Open(accounts, "ada", "Ada"));
  STELE_RETURN_IF_ERROR(Open(accounts, "bob", "Bob"));
  STELE_ASSIGN_OR_RETURN(
      const stele::Receipt receipt,
      accounts.Deposit({.account_id = "ada", .amount_cents = 100'00}));
  // [/wiring]

  // [read]
  STELE_RETURN_IF_ERROR(runtime.WaitFor<AccountBalance>(receipt));
  STELE_ASSIGN_OR_RETURN(const AccountBalance row,
                         runtime.Find<AccountBalance>("ada"));
  std::cout << row.owner() << " has " << row.balance_cents() / 100 << ".00\n";
  // [/read]

  // [refused]
  const auto refused =
      accounts.Withdraw({.account_id = "ada", .amount_cents = 1'000'000'00});
  std::cout << "A million: " << stele::RejectionReason(refused.status())
            << "\n";
  // [/refused]

  STELE_RETURN_IF_ERROR(MoveMoney(runtime, accounts));
  STELE_RETURN_IF_ERROR(PrintStory(runtime.store(), "account-ada"));
  return runtime.Stop();
}

}  // namespace
}  // namespace bank

int main(int argc, char** argv) {
  const std::string argument = argc > 1 ? argv[1] : "";
  if (argument == "--help" || argument == "-h") {
    std::cout << bank::kUsage;
    return 0;
  }
  const bool is_url = !argument.empty() && argument[0] != '-';
  if (argc > 2 || (argc == 2 && !is_url)) {
    std::cerr << bank::kUsage;
    return 2;
  }
  const absl::Status status = bank::Run(argument);
  if (status.ok()) return 0;
  std::cerr << "quickstart: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? 2 : 1;
}
