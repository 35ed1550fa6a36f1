#include "processes.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace stele::sandbox {
namespace {

// Empty if the process is gone or is not ours to look at.
std::string WorkingFolderOf(pid_t pid) {
  char target[PATH_MAX];
  const std::string link = absl::StrCat("/proc/", pid, "/cwd");
  const ssize_t size = readlink(link.c_str(), target, sizeof(target));
  return size <= 0 ? "" : std::string(target, size);
}

bool IsInside(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) &&
         (path.size() == folder.size() || path[folder.size()] == '/');
}

std::vector<pid_t> ProcessesIn(std::string_view folder) {
  std::vector<pid_t> found;
  DIR* const proc = opendir("/proc");
  if (proc == nullptr) return found;
  while (const dirent* const entry = readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0 || pid == getpid()) continue;
    if (IsInside(WorkingFolderOf(pid), folder)) found.push_back(pid);
  }
  closedir(proc);
  return found;
}

// True iff it is stopped by a signal, is dead, or gone.
bool StandsStill(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string stat;
  std::getline(file, stat);
  // The state follows the name, which is in brackets and may hold any.
  const std::size_t end = stat.rfind(") ");
  if (end == std::string::npos || end + 2 >= stat.size()) return true;
  return std::string_view("TZX").find(stat[end + 2]) != std::string_view::npos;
}

}  // namespace

bool KillProcessesIn(std::string_view folder, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    const std::vector<pid_t> left = ProcessesIn(folder);
    if (left.empty()) return true;
    if (absl::Now() > deadline) return false;
    for (const pid_t pid : left) kill(pid, SIGKILL);
    absl::SleepFor(absl::Milliseconds(2));
  }
}

bool StopProcessesIn(std::string_view folder, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (absl::Now() < deadline) {
    const std::vector<pid_t> all = ProcessesIn(folder);
    // One that was not stopped yet may have forked meanwhile.
    if (std::all_of(all.begin(), all.end(), StandsStill) &&
        ProcessesIn(folder) == all) {
      return true;
    }
    for (const pid_t pid : all) kill(pid, SIGSTOP);
    absl::SleepFor(absl::Milliseconds(2));
  }
  return false;
}

void ContinueProcessesIn(std::string_view folder) {
  for (const pid_t pid : ProcessesIn(folder)) kill(pid, SIGCONT);
}

}  // namespace stele::sandbox
