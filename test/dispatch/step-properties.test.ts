import fc from 'fast-check';
import { expect, it } from 'vitest';
import { statusInput, type DispatchInput } from '../../src/dispatch/dispatch-input.ts';
import type { Effect } from '../../src/dispatch/effect.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { MATCH_MODES } from '../../src/domain/market.ts';
import type { OfferStatus } from '../../src/domain/offer.ts';
import type { NewOffer } from '../../src/store/trip-store.ts';
import { Downtown, driverId, tripId } from './downtown.ts';

const DRIVERS = 4;
const TRIPS = 4;

/** One thing that may happen, in any order, late and repeated: numbers choose among what there is. */
const happening = fc.record({
  kind: fc.constantFrom(
    'tick',
    'tick',
    'tick',
    'tick_on',
    'tick_on',
    'tick_on',
    'tick_on',
    'tick_dropped',
    'request',
    'close',
    'opened',
    'opened',
    'refused',
    'answered',
    'answered',
    'closing_failed',
    'expiry_failed',
    'on_duty',
    'off_duty',
    'status',
    'hear',
  ),
  a: fc.nat(),
  b: fc.nat(),
});

const ANSWERS: readonly OfferStatus[] = ['accepted', 'declined', 'timed_out', 'withdrawn'];
const REFUSALS = [
  'claim_lost',
  'unavailable',
  'trip_not_searching',
  'driver_has_offer',
  'driver_busy',
  'driver_excluded',
] as const;
const STATUSES = ['searching', 'to_pickup', 'at_pickup', 'on_trip', 'completed', 'cancelled'] as const;

function inputOf(
  town: Downtown,
  offers: readonly NewOffer[],
  { kind, a, b }: { kind: string; a: number; b: number },
): DispatchInput | null {
  const offer = offers[a % Math.max(1, offers.length)];
  switch (kind) {
    case 'tick':
    case 'tick_on':
    case 'tick_dropped':
      return { kind };
    case 'request':
      return {
        kind: 'request_opened',
        trip: town.trip(a % TRIPS, b % 900),
        excluded: [],
        sinceMs: town.nowMs,
      };
    case 'close':
      return { kind: 'request_closed', tripId: tripId(a % TRIPS) };
    case 'opened':
      return offer === undefined
        ? null
        : { kind: 'offer_opened', offer: { ...offer, status: 'live', answeredMs: null } };
    case 'refused':
      return offer === undefined
        ? null
        : { kind: 'offer_refused', offerId: offer.offerId, why: REFUSALS[b % 6]! };
    case 'answered':
      return offer === undefined
        ? null
        : { kind: 'offer_closed', offer: { ...offer, status: ANSWERS[b % 4]!, answeredMs: town.nowMs } };
    case 'closing_failed':
      return offer === undefined ? null : { kind: 'closing_failed', offerId: offer.offerId };
    case 'expiry_failed':
      return { kind: 'expiry_failed', tripId: tripId(a % TRIPS) };
    case 'on_duty':
      return {
        kind: 'driver_on_duty',
        driverId: driverId(a % DRIVERS),
        vehicle: { vehicleClass: 'economy', seats: 4 },
      };
    case 'off_duty':
      return { kind: 'driver_off_duty', driverId: driverId(a % DRIVERS) };
    case 'status': {
      const id = driverId(a % DRIVERS);
      const changes = { driverId: id, status: STATUSES[b % 6]!, version: 1 + (b % 6), acceptedMs: a };
      return statusInput(id, town.trip(a % TRIPS, 0, changes));
    }
    default:
      return null;
  }
}

it('whatever comes, in whatever order: one open offer per driver at a time, none to who said no, none closed twice (R3, R9)', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MATCH_MODES),
      // All of a tick at once, or cut into turns with anything in between.
      fc.constantFrom(Infinity, 0, 3, 100),
      fc.array(happening, { minLength: 10, maxLength: 120 }),
      (mode, turnUs, happenings) => {
        const town = new Downtown({ mode, horizonS: 60, requestTtlMs: 40_000 }, turnUs);
        for (let n = 0; n < DRIVERS; n++) town.driver(n, n * 150);
        const made: NewOffer[] = [];
        const saidNo = new Set<string>();
        for (const one of happenings) {
          if (one.kind === 'hear' && town.state.index.slotOf(driverId(one.a % DRIVERS)) >= 0)
            town.hear(one.a % DRIVERS, one.b % 900);
          const input = inputOf(town, made, one);
          if (input === null) continue;
          if (input.kind === 'tick') town.nowMs += 1_000;
          const known = input.kind === 'offer_closed' && town.state.requests.has(input.offer.tripId);
          for (const effect of town.learn(input)) check(town, effect, made, saidNo);
          if (known && (input.offer.status === 'declined' || input.offer.status === 'timed_out'))
            saidNo.add(`${input.offer.tripId} ${input.offer.driverId}`);
          // Forgotten with its request; when that comes anew the store says whom to exclude.
          for (const pair of saidNo)
            if (!town.state.requests.has(pair.split(' ')[0] as never)) saidNo.delete(pair);
        }
      },
    ),
    { numRuns: 400 },
  );
});

function check(town: Downtown, effect: Effect, made: NewOffer[], saidNo: ReadonlySet<string>): void {
  if (effect.kind !== 'open_offer') return;
  const { offer } = effect;
  expect(saidNo.has(`${offer.tripId} ${offer.driverId}`)).toBe(false);
  const slot = town.state.index.slotOf(offer.driverId);
  expect(town.state.index.statusOf(slot)).toBe('offered');
  const inThisTick = made.filter(
    (one) => one.offeredMs === offer.offeredMs && one.driverId === offer.driverId,
  );
  expect(inThisTick).toEqual([]);
  made.push(offer);
}

it('the same inputs at the same times give the same effects (a replay)', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(Infinity, 0),
      fc.array(happening, { maxLength: 60 }),
      (turnUs, happenings) => {
        const run = (): Effect[] => {
          const town = new Downtown({}, turnUs);
          for (let n = 0; n < DRIVERS; n++) town.driver(n, n * 150);
          const made: NewOffer[] = [];
          for (const one of happenings) {
            const input = inputOf(town, made, one);
            if (input?.kind === 'tick') town.nowMs += 1_000;
            if (input === null) continue;
            for (const effect of town.learn(input)) if (effect.kind === 'open_offer') made.push(effect.offer);
          }
          return town.effects;
        };
        expect(run()).toEqual(run());
      },
    ),
    { numRuns: 100 },
  );
});

it('a driver is in one state at a time and its slot survives any order of words about it', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 80 }), (happenings) => {
      const town = new Downtown();
      const ids = new Set<DriverId>();
      for (const one of happenings) {
        const input = inputOf(town, [], one);
        if (input === null) continue;
        town.learn(input);
        if (input.kind === 'driver_on_duty') ids.add(input.driverId);
        if (input.kind === 'driver_off_duty') ids.delete(input.driverId);
        expect(town.state.index.count).toBe(ids.size);
      }
    }),
    { numRuns: 100 },
  );
});
