import type { Member } from '../../dispatch/desk.ts';
import { accountOf } from '../../dispatch/desk.ts';
import type { TripId } from '../../domain/ids.ts';
import type { OfferView, ServerMessage, Snapshot, TripView } from '../../protocol/messages.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type { Report } from './violation.ts';

/**
 * R6 at the server's doorstep: nothing leaves that is not in the store, and nobody is shown what is not theirs. Checked in the
 * moment a frame is sent, before it can be late or lost.
 */
export class FrameRules {
  private readonly store: MemoryTripStore;
  private readonly report: Report;

  constructor(store: MemoryTripStore, report: Report) {
    this.store = store;
    this.report = report;
  }

  sent(member: Member, message: ServerMessage): void {
    switch (message.t) {
      case 'welcome':
        if (message.snapshot !== null) this.snapshot(member, message.snapshot, 'welcome');
        return;
      case 'ack':
        if (message.trip !== undefined) this.trip(member, message.trip, `ack ${message.id}`);
        if (message.snapshot !== undefined) this.snapshot(member, message.snapshot, `ack ${message.id}`);
        return;
      case 'offer':
        return this.offer(member, message.offer, 'offer');
      case 'trip':
        return this.trip(member, message.trip, 'trip');
      case 'driver_at':
        if (this.store.record(message.tripId as TripId)?.trip.riderId !== accountOf(member))
          this.wrong(message.tripId, `driver_at for a trip that is not ${accountOf(member)}'s`);
        return;
      case 'error':
        // The apps speak the contract: a frame that was not understood is a bug on one side.
        if (message.code === 'bad_message' || message.code === 'unknown_type')
          this.report({ rule: 'bug', tripId: null, detail: `${accountOf(member)} got ${message.message}` });
        return;
      case 'offer_closed':
      case 'move':
      case 'duty':
        return;
    }
  }

  private snapshot(member: Member, snapshot: Snapshot, where: string): void {
    if (snapshot.trip !== null) this.trip(member, snapshot.trip, where);
    if (snapshot.offer !== null) this.offer(member, snapshot.offer, where);
  }

  private trip(member: Member, view: TripView, where: string): void {
    const { tripId, version, status } = view;
    const record = this.store.record(tripId as TripId);
    if (record === null) return this.wrong(tripId, `${where} tells of a trip that is not stored`, 'R1');
    const event = record.events[version - 1];
    if (event === undefined)
      return this.wrong(tripId, `${where} tells of v${version}, stored is v${record.trip.version}`);
    if (event.status !== status)
      this.wrong(tripId, `${where} tells of v${version} ${status}, stored is ${event.status}`);
    const account = accountOf(member);
    const isRiders = member.role === 'rider' && view.riderId === account;
    // A driver who declined is answered without the trip; one who gave it up is told so by the trip without a driver.
    const isDrivers = member.role === 'driver' && record.events.some((one) => one.actorId === account);
    if (!isRiders && !isDrivers) this.wrong(tripId, `${where} shows ${account} a trip of others`);
    if (member.role === 'driver' && view.pin !== null) this.wrong(tripId, `${where} shows a driver the PIN`);
  }

  private offer(member: Member, view: OfferView, where: string): void {
    const { offerId, tripId } = view;
    const stored = this.store.record(tripId as TripId)?.offers.find((offer) => offer.offerId === offerId);
    if (stored === undefined) this.wrong(tripId, `${where} tells of offer ${offerId}, which is not stored`);
    else if (stored.driverId !== accountOf(member))
      this.wrong(tripId, `${where} tells ${accountOf(member)} of an offer to ${stored.driverId}`);
  }

  private wrong(tripId: string, detail: string, rule = 'R6'): void {
    this.report({ rule, tripId, detail });
  }
}
