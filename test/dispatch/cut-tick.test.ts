import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { statusInput } from '../../src/dispatch/dispatch-input.ts';
import { neighbours } from '../../src/domain/cell.ts';
import { MATCH_MODES } from '../../src/domain/market.ts';
import { CAB, Downtown, driverId, STALE_MS, tripId, type Opening } from './downtown.ts';

const placeM = fc.integer({ min: -3_000, max: 3_000 });
const request = fc.record({ eastM: placeM, excluded: fc.array(fc.nat(70), { maxLength: 3 }) });
const driver = fc.record({ eastM: placeM, freeM: fc.option(placeM), waitedMs: fc.nat(3_600_000) });

it('cut into turns a tick makes the same offers for the same reasons as at once, when nothing happens in between', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MATCH_MODES),
      fc.array(driver, { maxLength: 70 }),
      fc.array(request, { maxLength: 12 }),
      fc.integer({ min: 0, max: 200 }),
      (mode, drivers, requests, turnUs) => {
        const run = (turnUs: number) => {
          const town = new Downtown({ mode, horizonS: 60, requestTtlMs: 2_500, windowMsMax: 1_500 }, turnUs);
          drivers.forEach(({ eastM, freeM }, n) => {
            town.driver(n, eastM);
            if (freeM === null) return;
            const ride = { status: 'on_trip', driverId: driverId(n), version: 4, acceptedMs: 1 } as const;
            const dropoff = town.trip(0, freeM).pickup;
            town.learn(statusInput(driverId(n), town.trip(100 + n, 0, { ...ride, dropoff })));
          });
          requests.forEach(({ eastM, excluded }, n) => town.request(n, eastM, excluded.map(driverId)));
          for (let round = 0; round < 3; round++) for (const { offer } of town.tick()) town.opened(offer);
          const radii = [...town.state.requests.values()].map(({ radiusM }) => radiusM);
          return { effects: town.effects, radii };
        };
        expect(run(turnUs)).toEqual(run(Infinity));
      },
    ),
    { numRuns: 150 },
  );
});

/** Three riders, four drivers near by, and a tick that is cut after every piece of its work. */
function cutTown(): Downtown {
  const town = new Downtown({}, 0);
  for (const n of [1, 2, 3, 4]) town.driver(n, n * 100);
  for (const n of [1, 2, 3]) town.request(n, n * 100 - 20);
  town.nowMs += 1_000;
  return town;
}

interface Ended {
  readonly town: Downtown;
  /** What the tick opened after the change. */
  readonly after: readonly Opening[];
}

/** The tick with the change made before its 2nd, 3rd … turn: one run for every place where it is cut. */
function everyCut(change: (town: Downtown) => void): Ended[] {
  const runs: Ended[] = [];
  for (let cut = 1; ; cut++) {
    const town = cutTown();
    town.learn({ kind: 'tick' });
    for (let turn = 1; turn < cut; turn++) town.learn({ kind: 'tick_on' });
    if (town.state.tick === null) return runs;
    change(town);
    const before = town.effects.length;
    while (town.state.tick !== null) town.learn({ kind: 'tick_on' });
    const after = town.effects.slice(before).filter((effect) => effect.kind === 'open_offer');
    runs.push({ town, after });
  }
}

const tripsOf = (openings: readonly Opening[]): string[] => openings.map(({ offer }) => offer.tripId);
const driversOf = (openings: readonly Opening[]): string[] => openings.map(({ offer }) => offer.driverId);

/** All that the town's ticks have opened. */
const opened = (town: Downtown): Opening[] => town.effects.filter((effect) => effect.kind === 'open_offer');

describe('a tick cut into turns', () => {
  it('is cut often enough for the tests below, and offers all three in the end', () => {
    const runs = everyCut(() => undefined);
    expect(runs.length).toBeGreaterThan(8);
    for (const { town } of runs) expect(tripsOf(opened(town)).sort()).toEqual([1, 2, 3].map(tripId));
  });

  it('offers nothing for a request that was cancelled in between (R9); the others get theirs', () => {
    for (const { town, after } of everyCut((town) => {
      town.learn({ kind: 'request_closed', tripId: tripId(2) });
    })) {
      expect(tripsOf(after)).not.toContain(tripId(2));
      expect(tripsOf(opened(town))).toEqual(expect.arrayContaining([tripId(1), tripId(3)]));
    }
  });

  it('offers nothing to a driver who went off duty in between; the rider waits and is offered another (R1)', () => {
    for (const { town, after } of everyCut((town) => {
      town.learn({ kind: 'driver_off_duty', driverId: driverId(2) });
    })) {
      expect(driversOf(after)).not.toContain(driverId(2));
      town.tick();
      expect(new Set(tripsOf(opened(town)))).toEqual(new Set([1, 2, 3].map(tripId)));
    }
  });

  it('takes nobody for who had the slot before', () => {
    for (const { town, after } of everyCut((town) => {
      const slot = town.state.index.slotOf(driverId(2));
      town.learn({ kind: 'driver_off_duty', driverId: driverId(2) });
      town.driver(9, 950);
      expect(town.state.index.slotOf(driverId(9))).toBe(slot);
    })) {
      expect(driversOf(after)).not.toContain(driverId(2));
      for (const { offer } of after.filter((one) => one.offer.driverId === driverId(9)))
        expect(offer.etaS).toBe(Math.round((950 - (Number(offer.tripId.slice(5)) * 100 - 20)) / 10));
      town.tick();
      expect(new Set(tripsOf(opened(town)))).toEqual(new Set([1, 2, 3].map(tripId)));
    }
  });

  it('offers nothing to a driver whom another replica has offered a trip in between (R3)', () => {
    for (const { after } of everyCut((town) => {
      const about = { offerId: 'foreign' as never, tripId: tripId(50), driverId: driverId(2), etaS: 1 };
      const times = { offeredMs: town.nowMs, expiresMs: town.nowMs + 10_000 };
      const offer = { ...about, ...times, status: 'live', answeredMs: null } as const;
      town.learn({ kind: 'offered_elsewhere', offer });
    }))
      expect(driversOf(after)).not.toContain(driverId(2));
  });

  it('offers nothing for a trip that somebody accepted in between, nor to who accepted it (R2)', () => {
    for (const { after } of everyCut((town) => {
      const ride = {
        status: 'to_pickup',
        driverId: driverId(3),
        version: 2,
        acceptedMs: town.nowMs,
      } as const;
      town.learn({ kind: 'request_closed', tripId: tripId(1) });
      town.learn(statusInput(driverId(3), town.trip(1, 80, ride)));
    })) {
      expect(tripsOf(after)).not.toContain(tripId(1));
      expect(driversOf(after)).not.toContain(driverId(3));
    }
  });

  it('offers nothing in zones that became another’s in between (R7)', () => {
    for (const { town, after } of everyCut((town) => {
      const zone = town.state.requests.values().next().value!.zone;
      town.learn({ kind: 'zones_owned', zones: new Set(neighbours(zone)) });
    })) {
      expect(after).toEqual([]);
      expect(town.state.requests.size).toBe(0);
    }
  });

  it('does not take a request for the one that was closed and opened again with somebody excluded (R9)', () => {
    for (const { town, after } of everyCut((town) => {
      for (const n of [1, 2, 3]) {
        town.learn({ kind: 'request_closed', tripId: tripId(n) });
        town.request(n, n * 100 - 20, [1, 2, 3].map(driverId));
      }
    })) {
      const made = after.map(({ offer }) => offer.driverId);
      for (const excluded of [1, 2, 3].map(driverId)) expect(made).not.toContain(excluded);
      expect(town.state.requests.size).toBe(3);
    }
  });

  it('offers nothing to a driver who fell silent in between (R8)', () => {
    for (const { after } of everyCut((town) => {
      town.nowMs += STALE_MS;
      for (const n of [1, 3, 4]) town.hear(n, n * 100);
    }))
      expect(driversOf(after)).not.toContain(driverId(2));
  });

  it('is not begun anew by the next tick', () => {
    for (const { town } of everyCut((town) => town.learn({ kind: 'tick' })))
      expect(tripsOf(opened(town)).sort()).toEqual([1, 2, 3].map(tripId));
  });

  it('that is dropped makes no more offers, and the next one takes up what is left (R1)', () => {
    for (const { town, after } of everyCut((town) => town.learn({ kind: 'tick_dropped' }))) {
      expect(after).toEqual([]);
      town.tick();
      expect(tripsOf(opened(town)).sort()).toEqual([1, 2, 3].map(tripId));
    }
  });

  it('whose driver was put on a trip in between does not make them an offer, whatever the horizon (R2)', () => {
    const town = new Downtown({ horizonS: 600 }, 0);
    town.driver(1, 100);
    town.request(1, 0);
    town.learn({ kind: 'tick' });
    while (town.state.tick !== null && opened(town).length === 0) {
      const slot = town.state.index.slotOf(driverId(1));
      if (town.state.candidates.drivers.count > 0 && town.statusOf(1) === 'available') {
        town.state.index.setStatus(slot, 'on_trip', town.nowMs);
        town.state.index.setFree(slot, town.trip(0, 100).pickup);
      }
      town.learn({ kind: 'tick_on' });
    }
    expect(opened(town)).toEqual([]);
  });
});

it('new drivers and riders who come in between are for the next tick', () => {
  for (const { town } of everyCut((town) => {
    town.learn({ kind: 'driver_on_duty', driverId: driverId(8), vehicle: CAB });
    town.hear(8, 10);
    town.request(8, 0);
  })) {
    expect(tripsOf(opened(town))).not.toContain(tripId(8));
    expect(tripsOf(town.tick())).toEqual([tripId(8)]);
  }
});
