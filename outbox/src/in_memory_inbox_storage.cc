#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "inbox_storages.h"
#include "stele/base/status.h"

namespace stele::outbox_internal {
namespace {

// Reads what is committed and writes when the transaction commits. An inbox
// never reads in a transaction what it wrote in it.
class InMemoryInboxStorage : public InboxStorage {
 public:
  absl::StatusOr<bool> Claim(Transaction& tx, const std::string& inbox,
                             const std::string& message_id,
                             absl::Time now) override {
    absl::MutexLock lock(&mutex_);
    if (boxes_[inbox].handled.contains(message_id)) return false;
    tx.OnCommit([this, inbox, message_id, now] {
      absl::MutexLock committing(&mutex_);
      boxes_[inbox].handled.emplace(message_id, now);
    });
    return true;
  }

  absl::StatusOr<bool> IsParked(Transaction&, const std::string& inbox,
                                const std::string& key) override {
    absl::MutexLock lock(&mutex_);
    const std::deque<ParkedMessage>& parked = boxes_[inbox].parked;
    return std::any_of(parked.begin(), parked.end(),
                       [&](const ParkedMessage& p) { return p.key == key; });
  }

  absl::Status Park(Transaction& tx, const std::string& inbox,
                    const ParkedMessage& parked) override {
    tx.OnCommit([this, inbox, copy = parked]() mutable {
      absl::MutexLock committing(&mutex_);
      copy.id = ++last_id_;
      boxes_[inbox].parked.push_back(std::move(copy));
    });
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Lock(Transaction&, const std::string& inbox,
                            std::int64_t id) override {
    absl::MutexLock lock(&mutex_);
    return Find(inbox, id) != nullptr;
  }

  absl::Status Update(Transaction& tx, const std::string& inbox,
                      const ParkedMessage& parked) override {
    tx.OnCommit([this, inbox, copy = parked] {
      absl::MutexLock committing(&mutex_);
      if (ParkedMessage* found = Find(inbox, copy.id)) *found = copy;
    });
    return absl::OkStatus();
  }

  absl::Status Unpark(Transaction& tx, const std::string& inbox,
                      const ParkedMessage& parked, absl::Time now) override {
    tx.OnCommit([this, inbox, id = parked.id, now] {
      absl::MutexLock committing(&mutex_);
      Remove(inbox, id, now);
    });
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<ParkedMessage>> NextDue(
      const std::string& inbox, absl::Time now) override {
    absl::MutexLock lock(&mutex_);
    const ParkedMessage* due = nullptr;
    for (const ParkedMessage& parked : boxes_[inbox].parked) {
      if (parked.is_held || parked.next_try > now) continue;
      if (due == nullptr || parked.next_try < due->next_try) due = &parked;
    }
    return due == nullptr ? std::nullopt : std::optional(*due);
  }

  absl::StatusOr<std::vector<ParkedMessage>> List(const std::string& inbox,
                                                  std::int64_t after_id,
                                                  std::int64_t limit) override {
    absl::MutexLock lock(&mutex_);
    std::vector<ParkedMessage> list;
    for (const ParkedMessage& parked : boxes_[inbox].parked) {
      if (static_cast<std::int64_t>(list.size()) == limit) break;
      if (parked.id > after_id) list.push_back(parked);
    }
    return list;
  }

  absl::StatusOr<std::int64_t> CountParkedKeys(
      const std::string& inbox) override {
    absl::MutexLock lock(&mutex_);
    const std::deque<ParkedMessage>& parked = boxes_[inbox].parked;
    return std::count_if(parked.begin(), parked.end(),
                         [](const ParkedMessage& p) { return !p.is_held; });
  }

  absl::Status Retry(const std::string& inbox, std::int64_t id) override {
    absl::MutexLock lock(&mutex_);
    STELE_ASSIGN_OR_RETURN(ParkedMessage* const parked, FindFirst(inbox, id));
    parked->next_try = absl::UnixEpoch();
    return absl::OkStatus();
  }

  absl::Status Discard(const std::string& inbox, std::int64_t id) override {
    absl::MutexLock lock(&mutex_);
    STELE_RETURN_IF_ERROR(FindFirst(inbox, id));
    Remove(inbox, id, absl::UnixEpoch());
    return absl::OkStatus();
  }

  absl::StatusOr<std::int64_t> Prune(const std::string& inbox,
                                     absl::Time before,
                                     std::int64_t limit) override {
    absl::MutexLock lock(&mutex_);
    std::int64_t pruned = 0;
    auto& handled = boxes_[inbox].handled;
    for (auto it = handled.begin(); it != handled.end() && pruned < limit;) {
      const bool is_old = it->second < before;
      it = is_old ? handled.erase(it) : std::next(it);
      pruned += is_old ? 1 : 0;
    }
    return pruned;
  }

 private:
  struct Box {
    std::map<std::string, absl::Time> handled;
    std::deque<ParkedMessage> parked;  // By id.
  };

  ParkedMessage* Find(const std::string& inbox, std::int64_t id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (ParkedMessage& parked : boxes_[inbox].parked)
      if (parked.id == id) return &parked;
    return nullptr;
  }

  absl::StatusOr<ParkedMessage*> FindFirst(const std::string& inbox,
                                           std::int64_t id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ParkedMessage* const parked = Find(inbox, id);
    if (parked == nullptr)
      return absl::NotFoundError(
          absl::StrCat("inbox ", inbox, " has no parked message ", id));
    if (parked->is_held)
      return absl::FailedPreconditionError(
          absl::StrCat("message ", id, " of inbox ", inbox,
                       " is held behind an earlier one of its key"));
    return parked;
  }

  void Remove(const std::string& inbox, std::int64_t id, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::deque<ParkedMessage>& parked = boxes_[inbox].parked;
    const auto gone =
        std::find_if(parked.begin(), parked.end(),
                     [&](const ParkedMessage& p) { return p.id == id; });
    if (gone == parked.end()) return;
    const std::string key = gone->key;
    const auto after = parked.erase(gone);
    if (key.empty()) return;
    const auto next =
        std::find_if(after, parked.end(),
                     [&](const ParkedMessage& p) { return p.key == key; });
    if (next == parked.end()) return;
    next->is_held = false;
    next->next_try = now;
  }

  absl::Mutex mutex_;
  std::map<std::string, Box> boxes_ ABSL_GUARDED_BY(mutex_);
  std::int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<InboxStorage> MakeInMemoryInboxStorage() {
  return std::make_unique<InMemoryInboxStorage>();
}

}  // namespace stele::outbox_internal
