import { describe, expect, it } from 'vitest';
import { zoneAt } from '../../src/domain/cell.ts';
import type { OfferId } from '../../src/domain/ids.ts';
import type { Offer } from '../../src/domain/offer.ts';
import { NOBODY } from '../../src/geo/driver-index.ts';
import { at, CAB, Downtown, driverId, tripId } from './downtown.ts';

const OTHER_REPLICA = 7;

const zoneOf = (town: Downtown, eastM: number) => zoneAt(at(eastM).lat, at(eastM).lng, town.state.index.grid);

/** A live offer of another replica to driver `n`. */
const foreign = (town: Downtown, n: number, status: Offer['status'] = 'live'): Offer => ({
  offerId: `foreign-${n}` as OfferId,
  tripId: tripId(90 + n),
  driverId: driverId(n),
  status,
  etaS: 60,
  offeredMs: town.nowMs,
  expiresMs: town.nowMs + 10_000,
  answeredMs: null,
});

/** Driver `n` is another replica's. */
function elsewhere(town: Downtown, n: number): void {
  town.state.index.setHost(town.state.index.slotOf(driverId(n)), OTHER_REPLICA);
}

describe('zones', () => {
  it('R7: a request whose pickup lies in a zone of another replica is passed over', () => {
    const town = new Downtown();
    town.driver(1, 100);
    town.learn({ kind: 'zones_owned', zones: new Set([zoneOf(town, 60_000)]) });
    town.request(1, 0);
    town.request(2, 60_000);
    expect([...town.state.requests.keys()]).toEqual([tripId(2)]);
    expect(town.tick()).toEqual([]);
  });

  it('R7: given away, its requests are forgotten, and an offer being stored is taken back', () => {
    const town = new Downtown();
    town.driver(1, 100);
    town.driver(2, 200);
    town.request(1, 0);
    const [live] = town.tick();
    town.opened(live!.offer);
    town.request(2, 0);
    const [storing] = town.tick();
    town.learn({ kind: 'zones_owned', zones: new Set() });
    expect(town.state.requests.size).toBe(0);
    expect(town.state.offers.size).toBe(0);
    expect(town.opened(storing!.offer)).toEqual([
      { kind: 'close_offer', offerId: storing!.offer.offerId, status: 'withdrawn' },
    ]);
    // The live one goes on: its driver is not free before it is over.
    town.learn({ kind: 'zones_owned', zones: new Set([zoneOf(town, 0)]) });
    town.request(3, 0);
    town.closed(storing!.offer, 'withdrawn');
    expect(town.tick().map(({ offer }) => offer.driverId)).toEqual([storing!.offer.driverId]);
    town.closed(live!.offer, 'declined');
    expect(town.state.index.statusOf(town.state.index.slotOf(live!.offer.driverId))).toBe('available');
  });

  it('R11: taken over, a request goes on with its age and the offer it has', () => {
    const town = new Downtown();
    town.driver(1, 100);
    const offer = foreign(town, 1);
    town.learn({ kind: 'offered_elsewhere', offer });
    const trip = town.trip(91, 0);
    town.learn({ kind: 'request_opened', trip, excluded: [], sinceMs: trip.requestedMs });
    town.learn({ kind: 'offer_opened', offer });
    expect(town.tick()).toEqual([]);
    expect(town.state.offers.get(offer.offerId)?.phase).toBe('live');
    expect(town.state.foreignOffers.size).toBe(0);
    town.tick(10_000);
    expect(town.effects.at(-1)).toMatchObject({ kind: 'close_offer', status: 'timed_out' });
  });
});

describe('an offer of another replica', () => {
  it('R3: keeps its driver from being offered anything here until it is over', () => {
    for (const end of ['declined', 'timed_out', 'withdrawn'] as const) {
      const town = new Downtown();
      town.driver(1, 100);
      town.learn({ kind: 'offered_elsewhere', offer: foreign(town, 1) });
      town.request(1, 0);
      expect(town.tick()).toEqual([]);
      const effects = town.learn({ kind: 'offer_closed', offer: foreign(town, 1, end) });
      // The claim is for whoever made the offer to release.
      expect(effects).toEqual([]);
      expect(town.tick()).toHaveLength(1);
    }
  });

  it('R6: whose end was never heard of binds its driver no longer than its time and a moment', () => {
    const town = new Downtown();
    town.driver(1, 100);
    town.learn({ kind: 'offered_elsewhere', offer: foreign(town, 1) });
    town.request(1, 0);
    expect(town.tick(10_000)).toEqual([]);
    town.hear(1, 100);
    expect(town.tick(6_000)).toHaveLength(1);
  });

  it('accepted: the driver is not free in between, and is on the way when that is heard', () => {
    const town = new Downtown();
    town.driver(1, 100);
    town.learn({ kind: 'offered_elsewhere', offer: foreign(town, 1) });
    town.learn({ kind: 'offer_closed', offer: foreign(town, 1, 'accepted') });
    expect(town.statusOf(1)).toBe('offered');
    town.learn({ kind: 'driver_status', driverId: driverId(1), status: 'to_pickup', dropoff: null });
    expect(town.statusOf(1)).toBe('to_pickup');
    expect(town.state.foreignOffers.size).toBe(0);
  });
});

describe('a driver of another replica', () => {
  it('is as its host says, but for an offer just made here', () => {
    const town = new Downtown();
    town.driver(1, 100);
    elsewhere(town, 1);
    town.learn({ kind: 'driver_seen', driverId: driverId(1), status: 'on_trip', free: at(500) });
    expect(town.statusOf(1)).toBe('on_trip');
    town.learn({ kind: 'driver_seen', driverId: driverId(1), status: 'available', free: null });
    town.request(1, 0);
    const [opening] = town.tick();
    expect(opening?.offer.driverId).toBe(driverId(1));
    // The host did not know of the offer yet when it said so.
    town.learn({ kind: 'driver_seen', driverId: driverId(1), status: 'available', free: null });
    expect(town.statusOf(1)).toBe('offered');
  });

  it('who has left is kept but not offered anything, and free again on coming back', () => {
    const town = new Downtown();
    town.driver(1, 100);
    town.request(1, 0);
    town.learn({ kind: 'driver_left', driverId: driverId(1) });
    const { index } = town.state;
    const slot = index.slotOf(driverId(1));
    expect([index.statusOf(slot), index.columns.host[slot]]).toEqual(['offline', NOBODY]);
    expect(town.tick()).toEqual([]);
    // The end of a trip heard of late does not bring a driver back who is out of reach.
    town.learn({ kind: 'driver_status', driverId: driverId(1), status: 'available', dropoff: null });
    expect(town.tick()).toEqual([]);
    town.learn({ kind: 'driver_on_duty', driverId: driverId(1), vehicle: CAB });
    expect(index.isHere(slot)).toBe(true);
    expect(town.tick()).toHaveLength(1);
  });

  it('who is here is not changed by what others say', () => {
    const town = new Downtown();
    town.driver(1, 100);
    town.learn({ kind: 'driver_seen', driverId: driverId(1), status: 'on_trip', free: null });
    expect(town.statusOf(1)).toBe('available');
  });
});
