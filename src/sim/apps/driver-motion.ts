import { bearingDeg, distanceM, interpolate, type Place } from '../../domain/place.ts';
import { assert } from '../../lib/assert.ts';
import type { Prng } from '../../lib/prng.ts';
import { type CitySpeed, driveTimeS, localHour, straightSpeedMps } from '../city/city-speed.ts';
import { type Trace, TraceCursor } from '../city/trace.ts';
import { logNormalMean } from './chance.ts';
import type { CityTime } from './city-time.ts';

/** What a driver without a trip does: drives back to where its record says it is, or waits where the last trip ended. */
export type AfterTrip = 'return' | 'wait';

export interface DriverMotionOptions {
  readonly trace: Trace;
  readonly cityTime: CityTime;
  readonly speed: CitySpeed;
  readonly utcOffsetMs: number;
  readonly afterTrip: AfterTrip;
  /** Spread of drive times around the fitted one. */
  readonly driveSpread: number;
  readonly prng: Prng;
}

type Way =
  | { readonly kind: 'trace' }
  | { readonly kind: 'stand' }
  | { readonly kind: 'return' }
  | {
      readonly kind: 'drive';
      readonly from: Place;
      readonly to: Place;
      readonly startMs: number;
      readonly durationMs: number;
    };

/** Where a cab is: on its recorded trace, on a drive, or on its way back. Asked in the order of time. */
export class DriverMotion {
  private readonly options: DriverMotionOptions;
  private readonly cursor: TraceCursor;
  private way: Way = { kind: 'trace' };
  private place: Place;
  private placeMs = 0;
  speedMps = 0;
  headingDeg = 0;

  constructor(options: DriverMotionOptions) {
    const { trace, cityTime } = options;
    assert(trace.timesMs.length > 0, 'a trace holds a fix');
    this.options = options;
    this.cursor = new TraceCursor(trace);
    this.place = this.cursor.positionAt(cityTime.beginsMs) ?? { lat: trace.lats[0]!, lng: trace.lngs[0]! };
  }

  /** Null where the record has the cab off duty; a cab that waits where its trip ended is not. */
  recordedAt(nowMs: number): Place | null {
    return this.way.kind === 'stand' ? this.place : this.cursor.positionAt(this.options.cityTime.at(nowMs));
  }

  at(nowMs: number): Place {
    const before = this.place;
    const elapsedS = (nowMs - this.placeMs) / 1000;
    const place = this.placeAt(nowMs, elapsedS);
    const movedM = distanceM(before, place);
    this.speedMps = elapsedS > 0 && this.placeMs > 0 ? Math.min(60, movedM / elapsedS) : 0;
    if (movedM > 1) this.headingDeg = bearingDeg(before, place);
    this.place = place;
    this.placeMs = nowMs;
    return place;
  }

  /** Drives there in a straight line; answers how long it takes, ms. */
  drive(to: Place, nowMs: number): number {
    const from = this.at(nowMs);
    const { speed, driveSpread, prng } = this.options;
    const fittedS = driveTimeS(speed, distanceM(from, to), this.hour(nowMs));
    const durationMs = Math.max(1000, logNormalMean(prng, fittedS * 1000, driveSpread));
    this.way = { kind: 'drive', from, to, startMs: nowMs, durationMs };
    return durationMs;
  }

  /** Back from duty elsewhere: at its recorded place again. */
  rejoin(): void {
    this.way = { kind: 'trace' };
    this.placeMs = 0;
  }

  /** The trip is over, wherever that is. */
  release(nowMs: number): void {
    this.place = this.at(nowMs);
    this.way = this.options.afterTrip === 'wait' ? { kind: 'stand' } : { kind: 'return' };
  }

  private placeAt(nowMs: number, elapsedS: number): Place {
    const { way } = this;
    switch (way.kind) {
      case 'stand':
        return this.place;
      case 'trace':
        return this.recordedAt(nowMs) ?? this.place;
      case 'drive':
        return interpolate(way.from, way.to, Math.min(1, (nowMs - way.startMs) / way.durationMs));
      case 'return':
        return this.returning(nowMs, elapsedS);
    }
  }

  /** Straight towards where the record has it now, until it is there. */
  private returning(nowMs: number, elapsedS: number): Place {
    const goal = this.recordedAt(nowMs);
    if (goal === null) return this.place;
    const reachM = straightSpeedMps(this.options.speed, this.hour(nowMs)) * Math.max(0, elapsedS);
    const leftM = distanceM(this.place, goal);
    if (leftM > reachM) return interpolate(this.place, goal, reachM / leftM);
    this.way = { kind: 'trace' };
    return goal;
  }

  private hour(nowMs: number): number {
    return localHour(this.options.cityTime.at(nowMs), this.options.utcOffsetMs);
  }
}
