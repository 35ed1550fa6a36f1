#ifndef STELE_TESTS_SAGAS_TRIP_RULES_H_
#define STELE_TESTS_SAGAS_TRIP_RULES_H_

#include <stdexcept>
#include <string>

#include "absl/time/time.h"
#include "trip.stele.h"

namespace trips {

struct LegDecider {
  using Aggregate = Leg;

  static LegDecision Decide(const Leg&, const OpenLeg& cmd) {
    return MakeLegOpened({.seats = cmd.seats()});
  }
  static LegDecision Decide(const Leg& leg, const BookSeat& cmd) {
    if (leg.booked_by().contains(cmd.trip_id())) return stele::NoEvents;
    if (leg.seats_free() == 0) return stele::Reject("full");
    return MakeSeatBooked({.trip_id = cmd.trip_id()});
  }
  static LegDecision Decide(const Leg& leg, const FreeSeat& cmd) {
    if (leg.is_sealed()) return stele::Reject("sealed");
    if (!leg.booked_by().contains(cmd.trip_id())) return stele::NoEvents;
    return MakeSeatFreed({.trip_id = cmd.trip_id()});
  }
  static LegDecision Decide(const Leg&, const SealLeg& cmd) {
    return MakeLegSealed({.is_sealed = cmd.is_sealed()});
  }

  static void Evolve(Leg& leg, const LegOpened& e) {
    leg.set_seats_free(e.seats());
  }
  static void Evolve(Leg& leg, const SeatBooked& e) {
    leg.set_seats_free(leg.seats_free() - 1);
    (*leg.mutable_booked_by())[e.trip_id()] = true;
  }
  static void Evolve(Leg& leg, const SeatFreed& e) {
    leg.set_seats_free(leg.seats_free() + 1);
    leg.mutable_booked_by()->erase(e.trip_id());
  }
  static void Evolve(Leg& leg, const LegSealed& e) {
    leg.set_is_sealed(e.is_sealed());
  }
};

struct BookingDecider {
  using Aggregate = Booking;

  static BookingDecision Decide(const Booking&, const PlaceTrip& cmd) {
    TripPlaced placed;
    *placed.mutable_leg_ids() = cmd.leg_ids();
    placed.set_patience_seconds(cmd.patience_seconds());
    placed.set_note(cmd.note());
    return placed;
  }
  static BookingDecision Decide(const Booking&, const PayTrip&) {
    return TripPaid();
  }

  static void Evolve(Booking& booking, const TripPlaced&) {
    booking.set_is_placed(true);
  }
  static void Evolve(Booking&, const TripPaid&) {}
};

struct Trips {
  using State = Trip;

  static stele::Next On(Trip& trip, const stele::Recorded<TripPlaced>& e) {
    if (e->note() == "throw") throw std::runtime_error("no such place");
    *trip.mutable_leg_ids() = e->leg_ids();
    trip.set_patience_seconds(e->patience_seconds());
    trip.set_note(e->note());
    if (e->note() == "huge") trip.set_ballast(std::string(2 << 20, 'x'));
    if (e->note() == "broken text") trip.set_ballast("\xff\xfe");
    if (e->note() == "broken command") {
      return stele::Send(MakeBookSeat({.leg_id = "a", .trip_id = "\xff"}));
    }
    if (e->note() == "broken undo") {
      return stele::Send(MakeBookSeat({.leg_id = "a", .trip_id = "t"}))
          .Undo(MakeFreeSeat({.leg_id = "a", .trip_id = "\xff"}));
    }
    return BookNext(trip);
  }

  static stele::Next On(Trip& trip, const stele::Recorded<SeatBooked>&) {
    trip.set_legs_booked(trip.legs_booked() + 1);
    if (trip.legs_booked() < trip.leg_ids_size()) return BookNext(trip);
    return stele::StartTimer<TripPayment>(
        absl::Seconds(trip.patience_seconds()));
  }

  static stele::Next On(Trip& trip, const stele::Recorded<TripPaid>&) {
    if (trip.note() == "patient") {
      return stele::StartTimer<TripPayment>(
          absl::Seconds(trip.patience_seconds()));
    }
    return stele::Complete();
  }

  // A stubborn one tries another leg while it is being undone.
  static stele::Next On(Trip& trip, const stele::Rejected<BookSeat>& no) {
    if (no->leg_id() == "other") {
      if (trip.note() == "stubborn and rude") throw std::runtime_error("no!");
      return stele::Continue();
    }
    if (trip.note() == "frees a seat nowhere") {
      return stele::Send(
                 MakeFreeSeat({.leg_id = "no\nleg", .trip_id = trip.trip_id()}))
          .AndCompensate(no.reason());
    }
    if (!trip.note().starts_with("stubborn")) {
      return stele::Compensate(no.reason());
    }
    return stele::Send(
               MakeBookSeat({.leg_id = "other", .trip_id = trip.trip_id()}))
        .AndCompensate(no.reason());
  }
  static stele::Next On(Trip&, const stele::Rejected<FreeSeat>&) {
    return stele::Continue();
  }

  static stele::Next On(Trip& trip, const stele::Elapsed<TripPayment>&) {
    if (trip.note() == "throw late") throw std::runtime_error("too late");
    return stele::Compensate("not_paid");
  }

 private:
  static stele::Next BookNext(const Trip& trip) {
    const std::string& leg = trip.leg_ids(static_cast<int>(trip.legs_booked()));
    return stele::Send(MakeBookSeat({.leg_id = leg, .trip_id = trip.trip_id()}))
        .Undo(MakeFreeSeat({.leg_id = leg, .trip_id = trip.trip_id()}));
  }
};

}  // namespace trips

#endif  // STELE_TESTS_SAGAS_TRIP_RULES_H_
