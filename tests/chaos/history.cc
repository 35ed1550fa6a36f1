#include "tests/chaos/history.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "stele/base/check.h"
#include "stele/base/status.h"

namespace stele::chaos {
namespace {

// Where the last whole line ends.
off_t EndOfLastLine(int fd) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  for (off_t at = size; at > 0; --at) {
    char byte = 0;
    STELE_CHECK(::pread(fd, &byte, 1, at - 1) == 1);
    if (byte == '\n') return at;
  }
  return 0;
}

template <typename Take>
absl::Status ForEachLine(const std::string& path, Take take) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("no journal ", path));
  for (std::string line; std::getline(file, line);) {
    if (file.eof()) break;  // Not finished: its writer was killed.
    std::istringstream words(line);
    char kind = 0;
    Fact fact;
    words >> kind >> fact.event >> fact.stream >> fact.version >>
        fact.position >> fact.delay_micros;
    take(kind, fact);
  }
  return absl::OkStatus();
}

class Breaches {
 public:
  explicit Breaches(std::size_t most) : most_(most) {}
  template <typename... Parts>
  void Add(const Parts&... parts) {
    ++count_;
    if (lines_.size() < most_) lines_.push_back(absl::StrCat(parts...));
  }
  std::vector<std::string> Finish() {
    if (count_ > lines_.size()) {
      lines_.push_back(
          absl::StrCat("... and ", count_ - lines_.size(), " more"));
    }
    return std::move(lines_);
  }

 private:
  const std::size_t most_;
  std::size_t count_ = 0;
  std::vector<std::string> lines_;
};

std::string Describe(const Fact& fact) {
  return absl::StrCat(fact.event, " (", fact.stream, " version ", fact.version,
                      ", position ", fact.position, ")");
}

// The store itself: positions and versions rise by their rules.
void CheckStored(const std::vector<Fact>& stored, Breaches& breaches) {
  std::map<std::string, std::int64_t> versions;
  std::set<std::string> events;
  std::int64_t last = 0;
  for (const Fact& fact : stored) {
    if (fact.position <= last) {
      breaches.Add("stored: position falls at ", Describe(fact));
    }
    last = fact.position;
    if (fact.version != ++versions[fact.stream]) {
      breaches.Add("stored: version gap or repetition at ", Describe(fact));
    }
    if (!events.insert(fact.event).second) {
      breaches.Add("stored twice: ", Describe(fact));
    }
  }
}

void CheckWritings(const Writings& writings,
                   const std::map<std::string, Fact>& stored,
                   Breaches& breaches) {
  for (const auto& [event, fact] : writings.acknowledged) {
    const auto it = stored.find(event);
    if (it == stored.end()) {
      breaches.Add("acknowledged but not stored: ", Describe(fact));
    } else if ((fact.position != 0 && it->second.position != fact.position) ||
               it->second.version != fact.version) {
      breaches.Add("acknowledged as ", Describe(fact), " but stored as ",
                   Describe(it->second));
    }
    if (writings.refused.contains(event)) {
      breaches.Add("acknowledged and refused: ", Describe(fact));
    }
  }
  for (const auto& [event, times] : writings.refused) {
    if (stored.contains(event)) breaches.Add("refused but stored: ", event);
  }
  for (const auto& [event, fact] : stored) {
    if (!writings.intended.contains(event)) {
      breaches.Add("stored but never appended: ", Describe(fact));
    }
  }
}

void CheckSeen(const std::map<std::string, Fact>& stored,
               const std::vector<Fact>& seen, Breaches& breaches) {
  std::set<std::string> events;
  std::int64_t last = 0;
  for (const Fact& fact : seen) {
    if (fact.position <= last) {
      breaches.Add("seen out of order or twice: ", Describe(fact));
    }
    last = fact.position;
    if (!stored.contains(fact.event)) {
      breaches.Add("seen but not stored: ", Describe(fact));
    }
    events.insert(fact.event);
  }
  for (const auto& [event, fact] : stored) {
    if (!events.contains(event)) {
      breaches.Add("stored but never seen: ", Describe(fact));
    }
  }
}

}  // namespace

Journal::Journal(const std::string& path)
    : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  STELE_CHECK(fd_ >= 0);
  const off_t end = EndOfLastLine(fd_);
  STELE_CHECK(::ftruncate(fd_, end) == 0);
  STELE_CHECK(::lseek(fd_, end, SEEK_SET) == end);
}

Journal::~Journal() { ::close(fd_); }

void Journal::Write(std::string_view line) {
  std::string text(line);
  text += '\n';
  STELE_CHECK(::write(fd_, text.data(), text.size()) ==
              static_cast<ssize_t>(text.size()));
}

absl::StatusOr<Writings> ReadWritings(const std::vector<std::string>& paths) {
  Writings writings;
  for (const std::string& path : paths) {
    STELE_RETURN_IF_ERROR(ForEachLine(path, [&](char kind, const Fact& fact) {
      if (kind == 'I') ++writings.intended[fact.event];
      if (kind == 'A') writings.acknowledged[fact.event] = fact;
      if (kind == 'R') ++writings.refused[fact.event];
    }));
  }
  return writings;
}

absl::StatusOr<std::vector<Fact>> ReadSeen(const std::string& path) {
  std::vector<Fact> seen;
  STELE_RETURN_IF_ERROR(ForEachLine(path, [&](char kind, const Fact& fact) {
    if (kind == 'S') seen.push_back(fact);
  }));
  return seen;
}

std::vector<std::string> FindBreaches(const Writings& writings,
                                      const std::vector<Fact>& stored,
                                      const std::vector<Fact>& seen,
                                      std::size_t most) {
  Breaches breaches(most);
  std::map<std::string, Fact> by_event;
  for (const Fact& fact : stored) by_event[fact.event] = fact;
  CheckStored(stored, breaches);
  CheckWritings(writings, by_event, breaches);
  CheckSeen(by_event, seen, breaches);
  return breaches.Finish();
}

}  // namespace stele::chaos
