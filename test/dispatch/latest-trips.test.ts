import { expect, it } from 'vitest';
import { LatestTrips } from '../../src/dispatch/latest-trips.ts';
import { driverId, tripId } from './downtown.ts';

const mark = (trip: number, version: number, acceptedMs: number | null, driver = 1) => ({
  tripId: tripId(trip),
  version,
  acceptedMs,
  driverId: driverId(driver),
});

it('a later version is news, the same is not, an earlier one is old', () => {
  const latest = new LatestTrips(10);
  expect([2, 3, 3, 2].map((version) => latest.note(driverId(1), mark(1, version, 5)))).toEqual([
    'newer',
    'newer',
    'same',
    'older',
  ]);
});

it('of two trips the one accepted later is the newer, also after the earlier was given up', () => {
  const latest = new LatestTrips(10);
  latest.note(driverId(1), mark(1, 2, 5));
  latest.note(driverId(1), mark(1, 3, null));
  expect(latest.note(driverId(1), mark(2, 2, 4))).toBe('older');
  expect(latest.note(driverId(1), mark(2, 2, 9))).toBe('newer');
  expect(latest.note(driverId(1), mark(1, 4, null))).toBe('older');
});

// Found by the simulation, seed 245: a trip given up and taken by another seemed newer than the driver's next one.
it('when another driver accepted a trip says nothing about who gave it up', () => {
  const latest = new LatestTrips(10);
  latest.note(driverId(1), mark(1, 2, 5));
  latest.note(driverId(1), mark(2, 2, 9));
  expect(latest.note(driverId(1), mark(1, 4, 20, 2))).toBe('older');
});

// Found by the simulation of three replicas, seed 442: the acceptance was told while news were lost, then the trip was given up.
it('a trip given up that was never heard of frees whom the newest known trip does not bind, and nobody else', () => {
  const latest = new LatestTrips(10);
  latest.note(driverId(1), mark(1, 4, 5), true);
  expect(latest.note(driverId(1), mark(2, 3, null, 2), false)).toBe('older');
  latest.note(driverId(1), mark(1, 5, 5), false);
  expect(latest.note(driverId(1), mark(2, 3, null, 2), false)).toBe('same');
  expect(latest.note(driverId(1), mark(1, 4, 5), true)).toBe('older');
});

it('holds at most driversMax drivers; who was heard of first is forgotten (R10)', () => {
  const latest = new LatestTrips(2);
  for (const n of [1, 2, 3]) latest.note(driverId(n), mark(n, 5, 5, n));
  expect(latest.note(driverId(3), mark(3, 4, 5, 3))).toBe('older');
  expect(latest.note(driverId(1), mark(1, 4, 5))).toBe('newer');
});
