#include "watchdog.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"

namespace stele::sandbox {
namespace {

// $1 is the folder, $2 its name before it is complete. Each line of input says
// "start <pid> <signal>" or "end <pid>". Only programs that every Debian has.
constexpr char kScript[] = R"sh(
exec 2>/dev/null
folder=$1
unfinished=$2
running=

is_alive() {
  for entry in $running; do
    kill -0 "${entry%%:*}" && return 0
  done
  return 1
}

while read -r what pid signal; do
  case $what in
    start) running="$running $pid:$signal" ;;
    end)
      others=
      for entry in $running; do
        [ "${entry%%:*}" = "$pid" ] || others="$others $entry"
      done
      running=$others
      ;;
  esac
done

for entry in $running; do
  kill -"${entry#*:}" "${entry%%:*}"
done
rounds=0
while is_alive && [ $rounds -lt 100 ]; do
  sleep 0.05
  rounds=$((rounds + 1))
done
for entry in $running; do
  kill -9 -"${entry%%:*}"
done

rounds=0
is_there() { [ -e "$folder" ] || [ -e "$unfinished" ]; }
while is_there && [ $rounds -lt 100 ]; do
  rm -rf -- "$folder" "$unfinished" || sleep 0.05
  rounds=$((rounds + 1))
done
)sh";

void SendAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;  // It is dead: then there is nobody to tell.
    text.remove_prefix(sent);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Watchdog>> Watchdog::Start(
    std::string_view folder, std::string_view unfinished) {
  STELE_ASSIGN_OR_RETURN(Pipe orders, MakeSocketPair());
  STELE_ASSIGN_OR_RETURN(Pipe done, MakePipe());
  SpawnRequest request;
  request.argv = {"/bin/sh",
                  "-c",
                  kScript,
                  "stele-watchdog",
                  std::string(folder),
                  std::string(unfinished)};
  request.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  request.working_folder = "/";
  request.input = orders.read.get();
  request.output = done.write.get();
  request.is_detached = true;
  STELE_RETURN_IF_ERROR(Spawn(request));
  return std::unique_ptr<Watchdog>(
      new Watchdog(std::move(orders.write), std::move(done.read)));
}

Watchdog::~Watchdog() {
  orders_.Close();
  char unused = 0;
  ssize_t got = 0;
  do {
    got = done_.get() < 0 ? 0 : read(done_.get(), &unused, 1);
  } while (got < 0 && errno == EINTR);
}

std::string Watchdog::AnnounceSuffix(int signal) {
  return absl::StrCat(signal);
}

void Watchdog::Forget(pid_t pid) {
  SendAll(orders_.get(), absl::StrCat("end ", pid, "\n"));
}

void Watchdog::Abandon() {
  orders_.Close();
  done_.Close();
}

}  // namespace stele::sandbox
