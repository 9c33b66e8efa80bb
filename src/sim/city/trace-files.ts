import type { Bounds } from '../../domain/market.ts';
import { inBounds } from '../../domain/market.ts';
import type { Place } from '../../domain/place.ts';
import { distanceBetweenM, distanceM } from '../../domain/place.ts';
import type { CityDriver, CityRide, CleaningCount } from './city.ts';
import { readCsv } from './csv-file.ts';
import { TraceBuilder } from './trace.ts';

/** A stretch of time, Unix ms, `toMs` itself left out; all of the record without bounds. */
export interface TimeWindow {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** True inside the window. */
export function inWindow(window: TimeWindow, timeMs: number): boolean {
  return timeMs >= (window.fromMs ?? -Infinity) && timeMs < (window.toMs ?? Infinity);
}

/** Where the record left `0,0` for "no fix". */
function isNullIsland(lat: number, lng: number): boolean {
  return Math.abs(lat) < 1 && Math.abs(lng) < 1;
}

/** One fix as read: time in Unix ms. */
export interface Fix {
  readonly cabId: string;
  readonly timeMs: number;
  readonly lat: number;
  readonly lng: number;
}

interface TraceRules {
  readonly window: TimeWindow;
  /** Fixes farther than this from the centre are outliers. */
  readonly centre: Place;
  readonly reachM: number;
  readonly gapMsMax: number;
  readonly cleaning: CleaningCount;
}

/** Gathers fixes (in time order per cab) into drivers, and counts what it leaves out. */
export class FleetBuilder {
  readonly #builders = new Map<string, TraceBuilder>();
  readonly #rules: TraceRules;

  constructor(rules: TraceRules) {
    this.#rules = rules;
  }

  /** Fixes outside the window are no defect: they are passed over without being counted. */
  add(fix: Fix): void {
    const { window, centre, reachM, cleaning } = this.#rules;
    if (!Number.isFinite(fix.timeMs + fix.lat + fix.lng) || fix.cabId === '') cleaning.add('fixUnreadable');
    else if (!inWindow(window, fix.timeMs)) return;
    else if (isNullIsland(fix.lat, fix.lng)) cleaning.add('fixNullIsland');
    else if (!(distanceBetweenM(centre.lat, centre.lng, fix.lat, fix.lng) <= reachM))
      cleaning.add('fixFarAway');
    else {
      let builder = this.#builders.get(fix.cabId);
      if (builder === undefined) this.#builders.set(fix.cabId, (builder = new TraceBuilder()));
      const outcome = builder.add(fix.timeMs, fix.lat, fix.lng);
      if (outcome === 'sameTime') cleaning.add('fixSameTime');
      if (outcome === 'impossibleSpeed') cleaning.add('fixImpossibleSpeed');
    }
  }

  /** One driver per cab with two fixes or more (one fix has no duration), sorted by id. */
  build(): CityDriver[] {
    const drivers: CityDriver[] = [];
    for (const [cabId, builder] of this.#builders) {
      if (builder.length < 2) {
        this.#rules.cleaning.add('cabSingleFix');
        continue;
      }
      const trace = builder.build(this.#rules.gapMsMax);
      const startsMs = trace.timesMs[0] as number;
      drivers.push({ driverId: `cab-${cabId}`, startsMs, endsMs: trace.timesMs.at(-1) as number, trace });
    }
    return drivers.sort((a, b) => (a.driverId < b.driverId ? -1 : 1));
  }
}

const TRACE_COLUMNS = ['unix_time', 'cab_id', 'latitude', 'longitude'];

/** Reads fixes in the columns of `sf-cab-traces` (unix_time in s, cab_id, latitude, longitude), sorted by time. */
export function readTraces(path: string, rules: TraceRules): CityDriver[] {
  const fleet = new FleetBuilder(rules);
  readCsv(path, TRACE_COLUMNS, ([time, cabId, lat, lng]) =>
    fleet.add({ cabId: cabId as string, timeMs: Number(time) * 1000, lat: Number(lat), lng: Number(lng) }),
  );
  return fleet.build();
}

/** A trip as recorded. */
export interface RecordedTrip {
  readonly pickupMs: number;
  readonly dropoffMs: number;
  readonly pickup: Place;
  readonly dropoff: Place;
  /** GPS fixes inside the trip; Infinity where the file does not say. */
  readonly fixes: number;
}

/** Why a recorded trip is no ride, or null. Shorter than 100 m: the meter was touched; longer than 2 h: the flag stuck. */
export function tripDefect(trip: RecordedTrip, serviceArea: Bounds): string | null {
  const durationMs = trip.dropoffMs - trip.pickupMs;
  if (!Number.isFinite(durationMs)) return 'tripUnreadable';
  if (isNullIsland(trip.pickup.lat, trip.pickup.lng) || isNullIsland(trip.dropoff.lat, trip.dropoff.lng))
    return 'tripNullIsland';
  if (!inBounds(serviceArea, trip.pickup) || !inBounds(serviceArea, trip.dropoff))
    return 'tripOutsideServiceArea';
  if (trip.fixes < 2) return 'tripSingleFix';
  if (durationMs > 2 * 3_600_000) return 'tripStuckFlag';
  if (distanceM(trip.pickup, trip.dropoff) < 100) return 'tripShorterThan100M';
  return null;
}

const TRIP_COLUMNS = [
  'pickup_unix',
  'pickup_lat',
  'pickup_lon',
  'dropoff_unix',
  'dropoff_lat',
  'dropoff_lon',
  'n_fixes',
];

/** Every row of a file in the columns of `sf-cab-trips`, uncleaned, in file order. */
export function readRecordedTrips(path: string): RecordedTrip[] {
  const trips: RecordedTrip[] = [];
  readCsv(path, TRIP_COLUMNS, (fields) => {
    const [pickupS, pickupLat, pickupLng, dropoffS, dropoffLat, dropoffLng, fixes] = fields.map(Number);
    trips.push({
      pickupMs: (pickupS as number) * 1000,
      dropoffMs: (dropoffS as number) * 1000,
      pickup: { lat: pickupLat as number, lng: pickupLng as number },
      dropoff: { lat: dropoffLat as number, lng: dropoffLng as number },
      fixes: fixes as number,
    });
  });
  return trips;
}

/** Rides out of recorded trips: those that begin in the window and have no defect, sorted by time. */
export function ridesOfTrips(
  trips: readonly RecordedTrip[],
  rules: { window: TimeWindow; serviceArea: Bounds; cleaning: CleaningCount },
): CityRide[] {
  const kept = trips.filter((trip) => {
    if (Number.isFinite(trip.pickupMs) && !inWindow(rules.window, trip.pickupMs)) return false;
    const defect = tripDefect(trip, rules.serviceArea);
    if (defect !== null) rules.cleaning.add(defect);
    return defect === null;
  });
  kept.sort((a, b) => a.pickupMs - b.pickupMs);
  return kept.map((trip, index) => ({
    rideId: `ride-${index}`,
    requestedMs: trip.pickupMs,
    pickup: trip.pickup,
    dropoff: trip.dropoff,
    seats: 1,
    durationS: (trip.dropoffMs - trip.pickupMs) / 1000,
  }));
}
