#ifndef STELE_TESTS_AGGREGATES_TILL_TILL_DECIDER_H_
#define STELE_TESTS_AGGREGATES_TILL_TILL_DECIDER_H_

#include <stdexcept>
#include <string>
#include <vector>

#include "stele/eventstore/event.h"
#include "till/till_model.h"

namespace till {

struct TillDecider {
  using Aggregate = Till;

  static TillDecision Decide(const Till&, const OpenTill& cmd) {
    if (cmd.clerk().empty()) return stele::Reject("no_clerk");
    if (cmd.clerk() == "nobody") return stele::NoEvents;
    return MakeTillOpened(cmd.clerk());
  }
  static TillDecision Decide(const Till& till, const PayIn& cmd) {
    if (!till.is_open()) return stele::Reject("not_open");
    return MakePaidIn(cmd.cents(), cmd.note());
  }
  static TillDecision Decide(const Till& till, const PayOut& cmd) {
    if (!till.is_open()) return stele::Reject("not_open");
    if (cmd.cents() > till.cents()) {
      return stele::Reject("insufficient_funds", "There is not that much.");
    }
    return MakePaidOut(cmd.cents());
  }
  static TillDecision Decide(const Till& till, const Exchange& cmd) {
    if (cmd.cents() > till.cents()) return stele::Reject("insufficient_funds");
    return {MakePaidOut(cmd.cents()), MakePaidIn(cmd.cents(), "exchanged")};
  }
  static TillDecision Decide(const Till&, const Look&) {
    return stele::NoEvents;
  }
  static TillDecision Decide(const Till&, const Misbehave& cmd) {
    switch (cmd.misdeed()) {
      case MISDEED_THROW:
        throw std::runtime_error("the drawer is stuck");
      case MISDEED_THROW_NUMBER:
        throw 42;
      case MISDEED_HUGE_EVENT:
        return MakePaidIn(1, std::string(stele::kMaxPayloadBytes, 'x'));
      case MISDEED_MANY_EVENTS:
        return std::vector<TillEvent>(stele::kMaxEventsPerAppend + 1,
                                      MakePaidIn(1));
      case MISDEED_BROKEN_TEXT:
        return MakePaidIn(1, "caf\xE9");
      case MISDEED_CURSED_EVENT:
        return {MakePaidIn(1), Cursed()};
      case MISDEED_NO_REASON:
        return stele::Reject("");
      default:
        return stele::NoEvents;
    }
  }

  static void Evolve(Till& till, const TillOpened&) { till.set_is_open(true); }
  static void Evolve(Till& till, const PaidIn& e) {
    till.set_cents(till.cents() + e.cents());
    till.set_payments(till.payments() + 1);
    till.set_last_note(e.note());
  }
  static void Evolve(Till& till, const PaidOut& e) {
    till.set_cents(till.cents() - e.cents());
    till.set_payments(till.payments() + 1);
  }
  static void Evolve(Till&, const Cursed&) {
    throw std::logic_error("this event should never have been");
  }
};

static_assert(DecidesTill<TillDecider>);

}  // namespace till

#endif  // STELE_TESTS_AGGREGATES_TILL_TILL_DECIDER_H_
