#ifndef STELE_EVENTSTORE_TESTING_TRANSACTION_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_TRANSACTION_CONTRACT_H_

#include "stele/eventstore/testing/contract_fixture.h"

// Part of contract_suite.h: Transact() and Transaction.
namespace stele::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(EventStoreContract, ATransactionCommitsAllItAppends) {
  std::vector<AppendResult> results;
  ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    results.clear();
    for (const int events : {2, 3}) {
      const std::vector<AppendRequest> requests = {
          Request("a-1", ExpectedVersion::Any(), events)};
      STELE_ASSIGN_OR_RETURN(const std::vector<AppendResult> some,
                             tx.AppendAll(requests));
      results.insert(results.end(), some.begin(), some.end());
    }
    return absl::OkStatus();
  }),
              IsOk());
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_EQ(results[0].version, 2);
  EXPECT_EQ(results[1].first_version, 3);
  EXPECT_EQ(results[1].version, 5);
  const std::vector<RecordedEvent> events = Read("a-1");
  ASSERT_THAT(events, SizeIs(5));
  EXPECT_EQ(events[1].position, results[0].position);
  EXPECT_EQ(events[4].position, results[1].position);
  EXPECT_THAT(ReadLog({}, results[1].position), SizeIs(5));
}

TEST_P(EventStoreContract, AnErrorOfTheWorkRollsAllBack) {
  bool has_committed = false;
  EXPECT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    tx.OnCommit([&] { has_committed = true; });
    const std::vector<AppendRequest> requests = {
        Request("a-1", ExpectedVersion::NoStream())};
    STELE_RETURN_IF_ERROR(tx.AppendAll(requests));
    return RejectedError("no_thanks");
  }),
              StatusIs(absl::StatusCode::kFailedPrecondition, "no_thanks"));
  EXPECT_EQ(VersionOf("a-1"), 0);
  EXPECT_FALSE(has_committed);
  const std::int64_t last = Append("b-1").position;
  EXPECT_THAT(ReadLog({}, last), SizeIs(1));
}

TEST_P(EventStoreContract, ARolledBackPayloadKeepsTheErrorsDetail) {
  const absl::Status status = store().Transact(
      [](Transaction&) { return RejectedError("no_thanks", "really not"); });
  EXPECT_EQ(RejectionReason(status), "no_thanks");
}

TEST_P(EventStoreContract, AConflictInATransactionRollsAllBack) {
  Append("b-1");
  const absl::Status status =
      store().Transact([&](Transaction& tx) -> absl::Status {
        const std::vector<AppendRequest> first = {
            Request("a-1", ExpectedVersion::NoStream())};
        STELE_RETURN_IF_ERROR(tx.AppendAll(first));
        const std::vector<AppendRequest> second = {
            Request("b-1", ExpectedVersion::NoStream())};
        STELE_RETURN_IF_ERROR(tx.AppendAll(second));
        return absl::OkStatus();
      });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_TRUE(GetVersionConflict(status).has_value());
  EXPECT_EQ(VersionOf("a-1"), 0);
  EXPECT_EQ(VersionOf("b-1"), 1);
}

TEST_P(EventStoreContract, AFailedAppendCannotBeIgnored) {
  Append("b-1");
  EXPECT_FALSE(
      store()
          .Transact([&](Transaction& tx) -> absl::Status {
            const std::vector<AppendRequest> first = {
                Request("a-1", ExpectedVersion::NoStream())};
            STELE_RETURN_IF_ERROR(tx.AppendAll(first));
            const std::vector<AppendRequest> second = {
                Request("b-1", ExpectedVersion::NoStream())};
            tx.AppendAll(second).status().IgnoreError();  // The mistake.
            return absl::OkStatus();
          })
          .ok());
  EXPECT_EQ(VersionOf("a-1"), 0);
}

TEST_P(EventStoreContract, EffectsRunOnceAfterTheCommitInOrder) {
  std::vector<int> effects;
  ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    tx.OnCommit([&] { effects.push_back(1); });
    tx.OnCommit([&] { effects.push_back(2); });
    EXPECT_THAT(effects, IsEmpty());
    const std::vector<AppendRequest> requests = {
        Request("a-1", ExpectedVersion::NoStream())};
    return tx.AppendAll(requests).status();
  }),
              IsOk());
  EXPECT_THAT(effects, ElementsAre(1, 2));
}

TEST_P(EventStoreContract, AThrowingEffectUndoesNothing) {
  bool has_run = false;
  EXPECT_THAT(store().Transact([&](Transaction& tx) {
    tx.OnCommit([] { throw std::runtime_error("too late"); });
    tx.OnCommit([&] { has_run = true; });
    const std::vector<AppendRequest> requests = {
        Request("a-1", ExpectedVersion::NoStream())};
    return tx.AppendAll(requests).status();
  }),
              IsOk());
  EXPECT_TRUE(has_run);
  EXPECT_THAT(Read("a-1"), SizeIs(1));
  EXPECT_THAT(AwaitHead(1), IsOk());
}

TEST_P(EventStoreContract, AnEmptyTransactionIsHarmless) {
  EXPECT_THAT(store().Transact([](Transaction&) { return absl::OkStatus(); }),
              IsOk());
}

TEST_P(EventStoreContract, WorkMayReadTheStore) {
  Append("a-1", 2);
  std::size_t seen = 0;
  EXPECT_THAT(store().Transact([&](Transaction&) {
    seen = Read("a-1").size();
    return store().Head().status();
  }),
              IsOk());
  EXPECT_EQ(seen, 2u);
}

TEST_P(EventStoreContract, OnlyASqlStoreHasSql) {
  ASSERT_THAT(store().Transact([&](Transaction& tx) {
    EXPECT_EQ(tx.sql() != nullptr, GetParam().has_sql);
    EXPECT_EQ(!tx.schema().empty(), GetParam().has_sql);
    return absl::OkStatus();
  }),
              IsOk());
}

TEST_P(EventStoreContract, AThrowingWorkIsAnErrorAndRollsBack) {
  const absl::Status status =
      store().Transact([&](Transaction& tx) -> absl::Status {
        const std::vector<AppendRequest> requests = {
            Request("a-1", ExpectedVersion::NoStream())};
        STELE_RETURN_IF_ERROR(tx.AppendAll(requests));
        throw std::runtime_error("boom");
      });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, HasSubstr("boom")));
  EXPECT_TRUE(IsHandlerThrew(status));
  EXPECT_EQ(VersionOf("a-1"), 0);
  Append("a-1");  // The store still works.
}

TEST_P(EventStoreContract, RepeatsWithinATransactionAreHarmless) {
  AppendRequest request = Request("a-1", ExpectedVersion::NoStream(), 2);
  request.command_id = RandomIds().Next();
  ASSERT_THAT(store().Append(request), IsOk());
  ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(const std::vector<AppendResult> again,
                           tx.AppendAll(std::span(&request, 1)));
    EXPECT_TRUE(again.at(0).was_duplicate);
    EXPECT_EQ(again.at(0).version, 2);
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(VersionOf("a-1"), 2);
}

// ---- Inline work ------------------------------------------------------------

TEST_P(EventStoreContract, InlineWorkSeesTheEventsWithoutPositions) {
  Append("a-1");
  const std::vector<AppendRequest> requests = {
      Request("a-1", ExpectedVersion::Exactly(1), 2),
      Request("b-1", ExpectedVersion::NoStream())};
  std::vector<RecordedEvent> seen;
  ASSERT_THAT(store().Transact([&](Transaction& tx) {
    return tx
        .AppendAll(requests,
                   [&](std::span<const RecordedEvent> events) {
                     seen.assign(events.begin(), events.end());
                     return absl::OkStatus();
                   })
        .status();
  }),
              IsOk());
  ASSERT_THAT(seen, SizeIs(3));
  EXPECT_EQ(seen[0].stream_id, "a-1");
  EXPECT_EQ(seen[0].version, 2);
  EXPECT_EQ(seen[0].id, requests[0].events[0].id);
  EXPECT_EQ(seen[0].type, requests[0].events[0].type);
  EXPECT_EQ(seen[0].payload, requests[0].events[0].payload);
  EXPECT_EQ(seen[1].version, 3);
  EXPECT_EQ(seen[2].stream_id, "b-1");
  EXPECT_EQ(seen[2].version, 1);
  for (const RecordedEvent& event : seen) EXPECT_EQ(event.position, 0);
}

TEST_P(EventStoreContract, FailedInlineWorkRollsTheAppendBack) {
  const std::vector<AppendRequest> requests = {
      Request("a-1", ExpectedVersion::NoStream())};
  EXPECT_THAT(store().Transact([&](Transaction& tx) {
    return tx
        .AppendAll(requests,
                   [](std::span<const RecordedEvent>) {
                     return absl::DataLossError("unreadable");
                   })
        .status();
  }),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(VersionOf("a-1"), 0);
}

TEST_P(EventStoreContract, InlineWorkDoesNotRunForRepeatsOrConflicts) {
  const std::vector<AppendRequest> requests = {
      Request("a-1", ExpectedVersion::NoStream())};
  ASSERT_THAT(store().AppendAll(requests), IsOk());
  const std::vector<AppendRequest> losers = {
      Request("a-1", ExpectedVersion::NoStream())};
  int runs = 0;
  const auto inline_work = [&](std::span<const RecordedEvent>) {
    ++runs;
    return absl::OkStatus();
  };
  EXPECT_THAT(store().Transact([&](Transaction& tx) {
    return tx.AppendAll(requests, inline_work).status();
  }),
              IsOk());
  EXPECT_THAT(store().Transact([&](Transaction& tx) {
    return tx.AppendAll(losers, inline_work).status();
  }),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(runs, 0);
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_TRANSACTION_CONTRACT_H_
