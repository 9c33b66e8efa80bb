import { statusCode } from '../domain/driver-state.ts';
import { distanceBetweenM } from '../domain/place.ts';
import type { NearestQuery } from '../geo/driver-search.ts';
import type { NearestBuffer } from '../geo/nearest-buffer.ts';
import { ruleOutForAll, type EligibilityRules } from './eligibility.ts';
import type { DriverTerms, WeighedDrivers } from './weighed-drivers.ts';
import type { Work } from './work.ts';
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
/** Slots looked at in one piece of work, what a look costs, and what one who is listed costs. */
const PIECE_SLOTS = 4_096;
const LOOK_US = 0.02;
const LISTED_US = 0.3;
/** A band holds so many drivers on average: a rider looks at a few bands, each walked from end to end. */
const BAND_DRIVERS = 16;

/**
 * The drivers whom any request of a batch may plan with, by latitude. In a rush hour nearly all drivers are taken: looking for the free
 * ones cell by cell, for each of thousands of waiting riders, passes over all the others each time, and this list over them once.
 */
export class EligibleDrivers {
  /** Drivers that `nearest` has compared since `survey`. */
  looks = 0;
  private count = 0;
  private slots: Int32Array = new Int32Array(0);
  private lats: Float64Array = new Float64Array(0);
  private lngs: Float64Array = new Float64Array(0);
  /** Of each latitude. */
  private cosines: Float64Array = new Float64Array(0);
  private bandCount = 0;
  private southLat = 0;
  private bandsPerDeg = 0;
  /** First driver of each band, from the south, and one end behind the last. */
  private bandStart: Int32Array = new Int32Array(0);
  /** Least latitude in a band or any to its north, most in a band or any to its south. */
  private leastLat: Float64Array = new Float64Array(0);
  private mostLat: Float64Array = new Float64Array(0);

  /**
   * Looks at every driver and adds who is eligible to `drivers`, as they are in that moment. False when there are more than `max`: then
   * neither is of any use.
   */
  *survey(terms: DriverTerms, drivers: WeighedDrivers, nowMs: number, max: number): Work<boolean> {
    const { index } = terms.rules;
    const lats: number[] = [];
    const lngs: number[] = [];
    for (let slot = 0, end = index.slotsEnd; slot < end;) {
      const listed = drivers.count;
      for (const pieceEnd = Math.min(slot + PIECE_SLOTS, end); slot < pieceEnd; slot++) {
        if (!isEligible(terms.rules, slot, nowMs)) continue;
        if (drivers.count === max) return false;
        drivers.add(terms, slot, nowMs);
        lats.push(index.columns.lat[slot]!);
        lngs.push(index.columns.lng[slot]!);
      }
      yield PIECE_SLOTS * LOOK_US + (drivers.count - listed) * LISTED_US;
    }
    this.arrange(drivers.slots, lats, lngs);
    yield drivers.count * LISTED_US;
    return true;
  }

  /** As DriverSearch.nearest, over the list: the same drivers in the same order. */
  nearest(query: NearestQuery, out: NearestBuffer): void {
    out.reset(query.max);
    let up = this.bandOf(query.lat);
    let down = up - 1;
    // Outwards by turns, so that whoever is near is found early and bounds the rest.
    for (let isMore = true; isMore;) {
      isMore = false;
      const boundM = out.boundM(query.radiusM);
      if (up < this.bandCount && (this.leastLat[up]! - query.lat) * METRES_PER_LAT <= boundM) {
        this.lookThrough(up++, query, out);
        isMore = true;
      }
      if (down >= 0 && (query.lat - this.mostLat[down]!) * METRES_PER_LAT <= boundM) {
        this.lookThrough(down--, query, out);
        isMore = true;
      }
    }
  }

  private lookThrough(band: number, query: NearestQuery, out: NearestBuffer): void {
    const { slots, lats, lngs, cosines } = this;
    const cos = Math.cos((query.lat * Math.PI) / 180);
    const end = this.bandStart[band + 1]!;
    this.looks += end - this.bandStart[band]!;
    let boundM = out.boundM(query.radiusM);
    for (let i = this.bandStart[band]!; i < end; i++) {
      const northM = (lats[i]! - query.lat) * METRES_PER_LAT;
      if (northM > boundM || northM < -boundM) continue;
      const eastDeg = Math.abs(lngs[i]! - query.lng);
      const eastM = eastDeg * METRES_PER_LAT;
      const flatM2 = northM * northM + cos * cosines[i]! * eastM * eastM;
      if (eastDeg < FLAT_DEG_MAX && flatM2 * FLAT_SHARE > boundM * boundM) continue;
      const distanceM = distanceBetweenM(query.lat, query.lng, lats[i]!, lngs[i]!);
      if (distanceM > boundM || !query.accept(slots[i]!)) continue;
      out.offer(slots[i]!, distanceM);
      boundM = out.boundM(query.radiusM);
    }
  }

  /** Sorts into bands of equal height, by counting. */
  private arrange(slots: readonly number[], lats: readonly number[], lngs: readonly number[]): void {
    this.count = lats.length;
    this.looks = 0;
    this.reserve();
    let northLat = -Infinity;
    this.southLat = Infinity;
    for (const lat of lats) {
      if (lat < this.southLat) this.southLat = lat;
      if (lat > northLat) northLat = lat;
    }
    this.bandsPerDeg = northLat > this.southLat ? this.bandCount / (northLat - this.southLat) : 0;
    const { bandStart } = this;
    bandStart.fill(0);
    // Counted two places ahead: filling moves bandStart[b + 1] from the first of b to behind its last, where it belongs.
    for (const lat of lats) bandStart[this.bandOf(lat) + 2]!++;
    for (let band = 0; band <= this.bandCount; band++) bandStart[band + 1]! += bandStart[band]!;
    for (let i = 0; i < this.count; i++) {
      const at = bandStart[this.bandOf(lats[i]!) + 1]!++;
      this.slots[at] = slots[i]!;
      this.lats[at] = lats[i]!;
      this.lngs[at] = lngs[i]!;
      this.cosines[at] = Math.cos((lats[i]! * Math.PI) / 180);
    }
    this.boundBands();
  }

  private boundBands(): void {
    const { bandCount, bandStart, lats, leastLat, mostLat } = this;
    let most = -Infinity;
    for (let band = 0; band < bandCount; band++) {
      for (let i = bandStart[band]!; i < bandStart[band + 1]!; i++) most = Math.max(most, lats[i]!);
      mostLat[band] = most;
    }
    let least = Infinity;
    for (let band = bandCount - 1; band >= 0; band--) {
      for (let i = bandStart[band]!; i < bandStart[band + 1]!; i++) least = Math.min(least, lats[i]!);
      leastLat[band] = least;
    }
  }

  /** The band of a latitude; for one beyond the list, the outermost. */
  private bandOf(lat: number): number {
    const band = Math.floor((lat - this.southLat) * this.bandsPerDeg);
    // Written so that NaN (nobody listed, or all at one latitude to the last bit) is the first band.
    return band > 0 ? Math.min(this.bandCount - 1, band) : 0;
  }

  private reserve(): void {
    const { count } = this;
    this.bandCount = Math.max(1, Math.ceil(count / BAND_DRIVERS));
    this.slots = roomForInt32(this.slots, count);
    this.lats = roomForFloat64(this.lats, count);
    this.lngs = roomForFloat64(this.lngs, count);
    this.cosines = roomForFloat64(this.cosines, count);
    this.bandStart = roomForInt32(this.bandStart, this.bandCount + 2);
    this.leastLat = roomForFloat64(this.leastLat, this.bandCount);
    this.mostLat = roomForFloat64(this.mostLat, this.bandCount);
  }
}

function isEligible(rules: EligibilityRules, slot: number, nowMs: number): boolean {
  const { index, horizonS } = rules;
  const { status, lat, freeLat } = index.columns;
  if (status[slot] === ON_TRIP) {
    const northM = Math.abs(lat[slot]! - freeLat[slot]!) * METRES_PER_LAT;
    if (!(northM <= horizonS * SPEED_MPS_MAX)) return false;
  } else if (status[slot] !== AVAILABLE) return false;
  return index.isLive(slot) && ruleOutForAll(rules, slot, nowMs) === null;
}
