// A program that makes one of each sandbox, says what it made, and waits to be
// killed. Used by owner_death_test.

#include <unistd.h>

#include <iostream>

#include "stele/sandbox/private_nats.h"
#include "stele/sandbox/private_postgres.h"
#include "stele/sandbox/supervised_process.h"

namespace {

using stele::sandbox::PrivateNats;
using stele::sandbox::PrivatePostgres;
using stele::sandbox::SupervisedProcess;

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::cout << "failed " << result.status() << std::endl;
  _exit(1);
}

void Report(const std::string& folder, pid_t pid) {
  std::cout << "folder " << folder << "\npid " << pid << "\n";
}

}  // namespace

int main() {
  const auto postgres = OrDie(PrivatePostgres::Start({.durable = false}));
  const auto nats = OrDie(PrivateNats::Start());
  const auto sleeper =
      OrDie(SupervisedProcess::Start({.argv = {"sleep", "1000"}}));
  Report(postgres->folder(), postgres->pid());
  Report(nats->folder(), nats->pid());
  std::cout << "pid " << sleeper->pid() << "\nready" << std::endl;
  pause();
}
