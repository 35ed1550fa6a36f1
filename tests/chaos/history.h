#ifndef STELE_TESTS_CHAOS_HISTORY_H_
#define STELE_TESTS_CHAOS_HISTORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace stele::chaos {

// What the processes of a run write down, one line a fact, in files that
// survive their kill: a line is either wholly there or was never written.
//
//   I <event>                                  about to be appended
//   A <event> <stream> <version> <position>    acknowledged; position 0 =
//                                              the answer did not tell
//   R <event>                                  refused or rolled back
//   S <event> <stream> <version> <position> <microseconds since commit>   seen
class Journal {
 public:
  // Appends to the file at `path`, cutting off a last line left unfinished.
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void Write(std::string_view line);  // Without the newline.

 private:
  int fd_;
};

// An event as somebody recorded it.
struct Fact {
  std::string event;
  std::string stream;
  std::int64_t version = 0;
  std::int64_t position = 0;
  std::int64_t delay_micros = 0;  // Of what was seen.
};

// All that the writers wrote down.
struct Writings {
  std::map<std::string, Fact> acknowledged;  // By event.
  std::map<std::string, int> refused;        // By event.
  std::map<std::string, int> intended;       // By event.
};

absl::StatusOr<Writings> ReadWritings(const std::vector<std::string>& paths);
// In the order in which they were seen.
absl::StatusOr<std::vector<Fact>> ReadSeen(const std::string& path);

// Everything that must hold between what the writers wrote down, what is stored
// and what a subscriber saw; one line for each breach, the first `most` of
// them. `stored` is the whole log by position.
std::vector<std::string> FindBreaches(const Writings& writings,
                                      const std::vector<Fact>& stored,
                                      const std::vector<Fact>& seen,
                                      std::size_t most = 20);

}  // namespace stele::chaos

#endif  // STELE_TESTS_CHAOS_HISTORY_H_
