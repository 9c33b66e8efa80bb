import type { Place } from '../../domain/place.ts';
import { distanceM, interpolate } from '../../domain/place.ts';
import type { Prng } from '../../lib/prng.ts';
import { localHour } from './city-speed.ts';
import type { Demand } from './demand.ts';
import { SF_UTC_OFFSET_MS } from './san-francisco.ts';
import type { SfFigures } from './sf-figures-shape.ts';
import { quantileAt } from './sf-figures-shape.ts';
import type { Trace } from './trace.ts';

interface Leg {
  readonly from: Place;
  readonly to: Place;
  readonly startMs: number;
  /** When it gets there, and when it leaves again. */
  readonly arrivesMs: number;
  readonly leavesMs: number;
}

/**
 * How idle cabs drift in the fitted San Francisco: towards places where riders are picked up, at the recorded speed of moving
 * vacant cabs, then they stand, so long that over all the recorded share of vacant time is standing. Fixes come at
 * recorded gaps. What happens depends only on the prng and the arguments.
 */
export class IdleDrift {
  readonly #figures: SfFigures;
  readonly #demand: Demand;

  constructor(figures: SfFigures, demand: Demand) {
    this.#figures = figures;
    this.#demand = demand;
  }

  /** The way of one cab that is idle at `from` at `startMs`, up to `endMs` (first and last fix are exactly then). */
  trace(options: { from: Place; startMs: number; endMs: number; prng: Prng }): Trace {
    const { startMs, endMs, prng } = options;
    const [timesMs, lats, lngs]: [number[], number[], number[]] = [[], [], []];
    let leg = this.#leg(options.from, startMs, prng);
    for (let timeMs = startMs; ;) {
      while (leg.leavesMs <= timeMs) leg = this.#leg(leg.to, leg.leavesMs, prng);
      const fraction = Math.min(1, (timeMs - leg.startMs) / (leg.arrivesMs - leg.startMs));
      const place = interpolate(leg.from, leg.to, fraction);
      timesMs.push(timeMs);
      lats.push(place.lat);
      lngs.push(place.lng);
      if (timeMs >= endMs) break;
      const gapS = Math.max(1, quantileAt(this.#figures.pingGapSQuantiles, prng.float()));
      timeMs = Math.min(endMs, timeMs + Math.round(gapS * 1000));
    }
    return {
      timesMs: Float64Array.from(timesMs),
      lats: Float64Array.from(lats),
      lngs: Float64Array.from(lngs),
      gapMsMax: Infinity,
    };
  }

  #leg(from: Place, startMs: number, prng: Prng): Leg {
    const hour = localHour(startMs, SF_UTC_OFFSET_MS);
    const { speedMpsByHour, stillShareByHour, standS } = this.#figures.idle;
    const to = this.#demand.drawHunt(from, hour, prng);
    const movingMs = Math.max(1000, (distanceM(from, to) / (speedMpsByHour[hour] as number)) * 1000);
    const still = stillShareByHour[hour] as number;
    // Not after every leg, but then for a recorded stand's time: on the average the recorded share.
    const dueMs = (movingMs * still) / (1 - still);
    const standMs = Math.max(standS * 1000, dueMs);
    const stands = prng.chance(dueMs / standMs);
    const arrivesMs = startMs + movingMs;
    return { from, to, startMs, arrivesMs, leavesMs: arrivesMs + (stands ? prng.exponential(standMs) : 0) };
  }
}
