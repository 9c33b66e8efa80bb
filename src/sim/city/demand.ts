import { cellToBoundary, cellToChildren, cellToLatLng, latLngToCell } from 'h3-js';
import type { Place } from '../../domain/place.ts';
import { distanceBetweenM, distanceM, interpolate } from '../../domain/place.ts';
import { assert } from '../../lib/assert.ts';
import type { Prng } from '../../lib/prng.ts';
import type { DemandCell, SfFigures } from './sf-figures-shape.ts';
import {
  CELL_RESOLUTION,
  CHILD_RESOLUTION,
  bandOf,
  distanceBin,
  parseDemandCell,
} from './sf-figures-shape.ts';

/** Sums up to and with each weight: what `drawIndex` searches. */
export function cumulate(weights: readonly number[]): Float64Array {
  let sum = 0;
  return Float64Array.from(weights, (weight) => (sum += weight));
}

/** An index with a chance in proportion to its weight; the weights must not all be zero. */
export function drawIndex(sums: Float64Array, prng: Prng): number {
  const target = prng.float() * (sums.at(-1) ?? 0);
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Rides shorter than this are not asked for: nobody takes a cab so far. */
const RIDE_M_MIN = 150;
const DRAWS_MAX = 100;
/** A cab looks for riders near by: the chance of a place halves with every kilometre of way. */
const HUNT_HALF_M = 1000;
const HUNT_CELLS_MAX = 5000;

/** Where the riders of the fitted San Francisco are and where they go. All randomness is the caller's. */
export class Demand {
  readonly #figures: SfFigures;
  readonly #cells: readonly DemandCell[];
  readonly #centres: readonly Place[];
  readonly #childSums: readonly Float64Array[];
  readonly #outlines: readonly (readonly Outline[])[];
  readonly #pickupSums: readonly Float64Array[];
  readonly #dropoffSums: readonly Float64Array[];
  /** Per band and origin, filled when first asked for: cells² x bands at most. */
  readonly #tripSums = new Map<number, Float64Array>();
  /** Per band and cell of the cab; beyond HUNT_CELLS_MAX they are worked out anew each time. */
  readonly #huntSums = new Map<string, Float64Array>();

  constructor(figures: SfFigures) {
    const cells = figures.cells.map(parseDemandCell);
    const bands = figures.bandStarts.map((_, band) => band);
    this.#figures = figures;
    this.#cells = cells;
    this.#centres = cells.map(({ cell }) => {
      const [lat, lng] = cellToLatLng(cell);
      return { lat, lng };
    });
    this.#outlines = cells.map(({ cell }) => outlinesOf(cell));
    this.#childSums = cells.map((cell) => cumulate(cell.childWeights));
    this.#pickupSums = bands.map((band) => cumulate(cells.map((cell) => cell.pickupWeights[band] as number)));
    this.#dropoffSums = bands.map((band) =>
      cumulate(cells.map((cell) => cell.dropoffWeights[band] as number)),
    );
  }

  /** A pickup and a dropoff of somebody who asks in that local hour. */
  drawTrip(hour: number, prng: Prng): { readonly pickup: Place; readonly dropoff: Place } {
    const band = bandOf(this.#figures.bandStarts, hour);
    for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
      const from = drawIndex(this.#pickupSums[band] as Float64Array, prng);
      const pickup = this.#drawPlaceIn(from, prng);
      const dropoff = this.#drawPlaceIn(drawIndex(this.#tripsFrom(band, from), prng), prng);
      if (distanceM(pickup, dropoff) >= RIDE_M_MIN) return { pickup, dropoff };
    }
    throw new Error(
      `No ride longer than ${RIDE_M_MIN} m was drawn in ${DRAWS_MAX} tries: the figures are broken.`,
    );
  }

  /** A place where a ride may just have ended in that local hour. */
  drawDropoff(hour: number, prng: Prng): Place {
    const band = bandOf(this.#figures.bandStarts, hour);
    return this.#drawPlaceIn(drawIndex(this.#dropoffSums[band] as Float64Array, prng), prng);
  }

  /**
   * Where an idle cab at `from` tries its luck next: a pickup's place in that local hour, less likely by half for every
   * HUNT_HALF_M of way from the middle of the cell it is in.
   */
  drawHunt(from: Place, hour: number, prng: Prng): Place {
    const band = bandOf(this.#figures.bandStarts, hour);
    const cell = latLngToCell(from.lat, from.lng, CELL_RESOLUTION);
    return this.#drawPlaceIn(drawIndex(this.#huntsFrom(band, cell), prng), prng);
  }

  #huntsFrom(band: number, cell: string): Float64Array {
    const key = `${band}/${cell}`;
    const known = this.#huntSums.get(key);
    if (known !== undefined) return known;
    const [lat, lng] = cellToLatLng(cell);
    const sums = cumulate(
      this.#cells.map((other, index) => {
        const centre = this.#centres[index] as Place;
        const awayM = distanceBetweenM(lat, lng, centre.lat, centre.lng);
        return (other.pickupWeights[band] as number) * 2 ** (-awayM / HUNT_HALF_M);
      }),
    );
    if (this.#huntSums.size < HUNT_CELLS_MAX) this.#huntSums.set(key, sums);
    return sums;
  }

  #tripsFrom(band: number, from: number): Float64Array {
    const key = band * this.#cells.length + from;
    const known = this.#tripSums.get(key);
    if (known !== undefined) return known;
    const { distanceEdgesM, distanceWeights } = this.#figures;
    const origin = this.#centres[from] as Place;
    const weights = this.#cells.map((cell, to) => {
      const bin = distanceBin(distanceEdgesM, distanceM(origin, this.#centres[to] as Place));
      return (cell.dropoffWeights[band] as number) * (distanceWeights[bin] as number);
    });
    const sums = cumulate(weights);
    this.#tripSums.set(key, sums);
    return sums;
  }

  /** Evenly inside one child of the cell; children with more trip ends more often, so that hardly any place is water. */
  #drawPlaceIn(index: number, prng: Prng): Place {
    const child = drawIndex(this.#childSums[index] as Float64Array, prng);
    const outline = this.#outlines[index]?.[child];
    assert(outline !== undefined, 'the child weights are as many as the children');
    const { centre, corners } = outline;
    const side = prng.int(corners.length);
    const [a, b] = [corners[side], corners[(side + 1) % corners.length]];
    assert(a !== undefined && b !== undefined, 'a cell has corners');
    // The square root makes it even over the triangle's area.
    return interpolate(centre, interpolate(a, b, prng.float()), Math.sqrt(prng.float()));
  }
}

interface Outline {
  readonly centre: Place;
  readonly corners: readonly Place[];
}

function outlinesOf(cell: string): Outline[] {
  const toPlace = ([lat, lng]: readonly number[]): Place => ({ lat: lat as number, lng: lng as number });
  return cellToChildren(cell, CHILD_RESOLUTION).map((child) => ({
    centre: toPlace(cellToLatLng(child)),
    corners: cellToBoundary(child).map(toPlace),
  }));
}
