/**
 * The matcher on the real Manhattan hour, without sockets or stores: the real `step` under a clock of its own, drivers who
 * accept after `acceptS` and drive at the fitted speed. For choosing the policy; the demo shows the same through the whole system.
 *
 * A study, not a row of the suite: npm run build && HEXDISPATCH_DATA=DIR node dist/bench/matching-policy.js [fleet=4500] [mode=batch] [horizonS=45] [tickMs=500] …
 */
import { createDispatchState } from '../src/dispatch/dispatch-state.ts';
import type { DispatchInput } from '../src/dispatch/dispatch-input.ts';
import type { Effect } from '../src/dispatch/effect.ts';
import { step } from '../src/dispatch/step.ts';
import { DEFAULT_GRID } from '../src/domain/cell.ts';
import type { DriverId, MarketId, RiderId, TripId } from '../src/domain/ids.ts';
import { DEFAULT_MATCH_POLICY, type Market, type MatchPolicy, PLAIN_MARKET } from '../src/domain/market.ts';
import type { Offer } from '../src/domain/offer.ts';
import { interpolate, type Place } from '../src/domain/place.ts';
import type { Trip } from '../src/domain/trip.ts';
import { DriverIndex } from '../src/geo/driver-index.ts';
import { stopwatchMs } from '../src/lib/clock.ts';
import { createPrng } from '../src/lib/prng.ts';
import { createStraightLineEta } from '../src/maps/eta.ts';
import { TraceCursor } from '../src/sim/city/trace.ts';
import { loadCity } from '../src/sim/city/replay.ts';

const args = Object.fromEntries(process.argv.slice(2).map((arg) => arg.split('=') as [string, string]));
const number = (name: string, fallback: number): number => Number(args[name] ?? fallback);
const fleet = number('fleet', 4500);
const acceptS = number('acceptS', 3);
const stepMs = 250;

const policy = { ...DEFAULT_MATCH_POLICY } as { -readonly [K in keyof MatchPolicy]: MatchPolicy[K] };
for (const name of Object.keys(policy) as (keyof MatchPolicy)[]) {
  if (args[name] !== undefined)
    Object.assign(policy, { [name]: name === 'mode' ? args[name] : Number(args[name]) });
}
const city = loadCity('manhattan-2013', { dataDir: process.env['HEXDISPATCH_DATA'] ?? '', fleet });
/** Most of the time a recorded cab stands is at the pickup: nobody pays at the dropoff when an app does. */
const dropS = number('dropS', 20);
/** Riders of an app come down to the car; the records' riders stood at the kerb. */
const comesDownS = number('comesDownS', 130);
/** Spread (of the logarithm) of drives and of standing, how old positions are at worst, and how long an answer takes. */
const spread = number('spread', 0.12);
const pingS = number('pingS', 8);
const answerS = number('answerS', 1);
const prng = createPrng(1);
const around = (mean: number, by: number): number => mean * Math.exp(prng.normal() * by - (by * by) / 2);
const boardS = city.driveSpeed.kerbS - dropS + comesDownS;
const eta = createStraightLineEta(city.driveSpeed, city.timeZone);
const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 100_000 });
const market: Market = {
  ...PLAIN_MARKET,
  marketId: 'manhattan' as MarketId,
  bounds: city.serviceArea,
  timeZone: city.timeZone,
  currency: city.currency,
  fares: {},
  driveSpeed: city.driveSpeed,
  match: policy,
  noShowMs: 300_000,
};
let ids = 0;
const state = createDispatchState({
  turnUs: Infinity,
  market,
  index,
  eta,
  ids: { newId: () => String(++ids), newPin: () => '0000' },
  staleMs: Infinity,
});

/** A drive under way; the index is told where the driver is, as pings would. */
interface Leg {
  readonly driverId: DriverId;
  readonly from: Place;
  readonly to: Place;
  readonly beginsMs: number;
  readonly endsMs: number;
}
const legs = new Map<DriverId, Leg>();
/** What is due at each step of the clock. */
const due = new Map<number, (() => void)[]>();
const later = (atMs: number, run: () => void): void => {
  const stepNo = Math.max(Math.ceil(atMs / stepMs), Math.floor(nowMs / stepMs) + 1);
  const others = due.get(stepNo);
  if (others === undefined) due.set(stepNo, [run]);
  else others.push(run);
};
const tripOf = new Map<TripId, Trip>();
const waitsS: number[] = [];
const tickTimesMs: number[] = [];
let expired = 0;
let nowMs = city.startMs;

function learn(...inputs: DispatchInput[]): void {
  for (const effect of step(state, inputs, nowMs)) perform(effect);
}

function perform(effect: Effect): void {
  if (effect.kind === 'open_offer') {
    const offer: Offer = { ...effect.offer, status: 'live', answeredMs: null };
    learn({ kind: 'offer_opened', offer });
    later(nowMs + acceptS * 1000, () => accept(offer));
  } else if (effect.kind === 'expire_trip') {
    expired++;
    learn({ kind: 'request_closed', tripId: effect.tripId });
  }
}

function accept(offer: Offer): void {
  const trip = tripOf.get(offer.tripId)!;
  const { driverId } = offer;
  learn(
    { kind: 'offer_closed', offer: { ...offer, status: 'accepted' } },
    { kind: 'driver_status', driverId, status: 'to_pickup', dropoff: null },
  );
  drive(driverId, trip.pickup, 0, () => {
    waitsS.push((nowMs - trip.requestedMs) / 1000);
    learn({ kind: 'driver_status', driverId, status: 'at_pickup', dropoff: null });
    later(nowMs + around(boardS, 3 * spread) * 1000, () => {
      learn({ kind: 'driver_status', driverId, status: 'on_trip', dropoff: trip.dropoff });
      drive(driverId, trip.dropoff, around(dropS, 3 * spread) + answerS, () =>
        learn({ kind: 'driver_status', driverId, status: 'available', dropoff: null }),
      );
    });
  });
}

function drive(driverId: DriverId, to: Place, standsS: number, arrived: () => void): void {
  const from = index.placeOf(index.slotOf(driverId))!;
  const driveMs = around(eta.driveS(from.lat, from.lng, to.lat, to.lng, nowMs), spread) * 1000;
  legs.set(driverId, { driverId, from, to, beginsMs: nowMs, endsMs: nowMs + driveMs });
  later(nowMs + driveMs + standsS * 1000, () => {
    legs.delete(driverId);
    place(driverId, to);
    arrived();
  });
}

function place(driverId: DriverId, at: Place): void {
  const slot = index.slotOf(driverId);
  index.place(slot, at.lat, at.lng);
}

for (const { driverId, trace } of city.drivers) {
  const id = driverId as DriverId;
  learn({ kind: 'driver_on_duty', driverId: id, vehicle: { vehicleClass: 'economy', seats: 4 } });
  place(id, new TraceCursor(trace).positionAt(city.startMs)!);
}
const rides = [...city.rides];
let nextRide = 0;
for (; nowMs < city.endMs + 20 * 60_000; nowMs += stepMs) {
  for (; nextRide < rides.length && rides[nextRide]!.requestedMs <= nowMs; nextRide++) {
    const { rideId, pickup, dropoff, requestedMs } = rides[nextRide]!;
    const tripId = rideId as TripId;
    const trip = {
      tripId,
      riderId: rideId as RiderId,
      status: 'searching',
      pickup,
      dropoff,
      requestedMs,
      vehicleClass: 'economy',
      seats: 1,
    };
    tripOf.set(tripId, trip as Trip);
    learn({ kind: 'request_opened', trip: trip as Trip, excluded: [], sinceMs: requestedMs });
  }
  for (const run of due.get(Math.floor(nowMs / stepMs)) ?? []) run();
  due.delete(Math.floor(nowMs / stepMs));
  if ((nowMs - city.startMs) % policy.tickMs !== 0) continue;
  // Everybody's position is from the last time the phones spoke.
  if ((nowMs - city.startMs) % (pingS * 1000) < policy.tickMs)
    for (const { driverId, from, to, beginsMs, endsMs } of legs.values())
      place(
        driverId,
        interpolate(from, to, Math.min(1, (nowMs - beginsMs) / Math.max(1, endsMs - beginsMs))),
      );
  const startedMs = stopwatchMs();
  learn({ kind: 'tick' });
  tickTimesMs.push(stopwatchMs() - startedMs);
}

waitsS.sort((a, b) => a - b);
tickTimesMs.sort((a, b) => a - b);
const at = (sorted: readonly number[], q: number): number =>
  Math.round((sorted[Math.floor(sorted.length * q)] ?? 0) * 10) / 10;
console.log(
  JSON.stringify({
    ...args,
    fleet,
    requests: rides.length,
    served: waitsS.length,
    expired,
    meanS: Math.round((waitsS.reduce((a, b) => a + b, 0) / waitsS.length) * 10) / 10,
    p50S: at(waitsS, 0.5),
    p90S: at(waitsS, 0.9),
    tickMsP50: at(tickTimesMs, 0.5),
    tickMsP999: at(tickTimesMs, 0.999),
  }),
);
