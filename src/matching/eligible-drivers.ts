import { statusCode } from '../domain/driver-state.ts';
import { distanceBetweenM } from '../domain/place.ts';
import type { NearestQuery } from '../geo/driver-search.ts';
import type { NearestBuffer } from '../geo/nearest-buffer.ts';
import type { EligibilityRules } from './eligibility.ts';
import { roomForFloat64, roomForInt32 } from './workspace.ts';

const AVAILABLE = statusCode('available');
const ON_TRIP = statusCode('on_trip');
/** Metres a degree of latitude, short by a millionth: the latitude alone must not rule out one at the very rim. */
const METRES_PER_LAT = distanceBetweenM(0, 0, 1, 0) * 0.999_999;
/**
 * On the sphere, 2 sin(x / 2) is at least 0.998 x below ten degrees: the square of a flat distance times this is never more than
 * that of the true one, and costs a tenth of it.
 */
const FLAT_DEG_MAX = 10;
const FLAT_SHARE = 0.99;
/** Nobody drives faster: who is farther than this times the horizon from the dropoff need not be timed. */
const SPEED_MPS_MAX = 40;

/**
 * The few drivers whom any request may plan with at one tick. In a rush hour nearly all are taken: looking for the last free
 * ones cell by cell, for each of a thousand waiting riders, costs hundreds of times more than walking this list.
 */
export class EligibleDrivers {
  count = 0;
  private slots: Int32Array = new Int32Array(0);
  private lats: Float64Array = new Float64Array(0);
  private lngs: Float64Array = new Float64Array(0);
  /** Of each latitude. */
  private cosines: Float64Array = new Float64Array(0);

  /** Looks at every driver; false when there are more than `max`, then the list is of no use. */
  survey(rules: EligibilityRules, nowMs: number, max: number): boolean {
    const { index, horizonS } = rules;
    const { status, lat, lng } = index.columns;
    this.slots = roomForInt32(this.slots, max);
    this.lats = roomForFloat64(this.lats, max);
    this.lngs = roomForFloat64(this.lngs, max);
    this.cosines = roomForFloat64(this.cosines, max);
    this.count = 0;
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      const isSoonFree = status[slot] === ON_TRIP && horizonS > 0 && this.isSoonFree(rules, slot, nowMs);
      if (!isSoonFree && status[slot] !== AVAILABLE) continue;
      if (!index.isLive(slot) || !index.isFresh(slot, nowMs, rules.staleMs)) continue;
      if (this.count === max) return false;
      this.slots[this.count] = slot;
      this.lats[this.count] = lat[slot]!;
      this.lngs[this.count] = lng[slot]!;
      this.cosines[this.count] = Math.cos((lat[slot]! * Math.PI) / 180);
      this.count++;
    }
    return true;
  }

  /** As DriverSearch.nearest, over the list: the same drivers in the same order. */
  nearest(query: NearestQuery, out: NearestBuffer): void {
    out.reset(query.max);
    const cos = Math.cos((query.lat * Math.PI) / 180);
    let boundM = out.boundM(query.radiusM);
    for (let i = 0; i < this.count; i++) {
      const northM = (this.lats[i]! - query.lat) * METRES_PER_LAT;
      if (northM > boundM || northM < -boundM) continue;
      const eastDeg = Math.abs(this.lngs[i]! - query.lng);
      const eastM = eastDeg * METRES_PER_LAT;
      const flatM2 = northM * northM + cos * this.cosines[i]! * eastM * eastM;
      if (eastDeg < FLAT_DEG_MAX && flatM2 * FLAT_SHARE > boundM * boundM) continue;
      const distanceM = distanceBetweenM(query.lat, query.lng, this.lats[i]!, this.lngs[i]!);
      if (distanceM > boundM || !query.accept(this.slots[i]!)) continue;
      out.offer(this.slots[i]!, distanceM);
      boundM = out.boundM(query.radiusM);
    }
  }

  private isSoonFree(rules: EligibilityRules, slot: number, nowMs: number): boolean {
    const { lat, freeLat } = rules.index.columns;
    const northM = Math.abs(lat[slot]! - freeLat[slot]!) * METRES_PER_LAT;
    return northM <= rules.horizonS * SPEED_MPS_MAX && rules.freeInS(slot, nowMs) <= rules.horizonS;
  }
}
