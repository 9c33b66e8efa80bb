import { cellToChildren, cellToLatLng, latLngToCell } from 'h3-js';
import { distanceBetweenM } from '../../src/domain/place.ts';
import type { SfFigures } from '../../src/sim/city/sf-figures-shape.ts';
import {
  CELL_RESOLUTION,
  CHILD_RESOLUTION,
  bandOf,
  distanceBin,
} from '../../src/sim/city/sf-figures-shape.ts';
import type { RecordedTrip } from '../../src/sim/city/trace-files.ts';

/** Night, morning, day, evening peak, late evening. */
export const BAND_STARTS = [0, 6, 10, 16, 20];
/** Cells with fewer trip ends than this in the five days say nothing; 1.3 % of the trips go with them. */
const CELL_ENDS_MIN = 25;
const DISTANCE_EDGES_M = [500, 1200, 1800, 2500, 3200, 4000, 5000, 6500, 9000, 12000, 16000, 20000, 30000];
const ROUNDS = 40;

/** A trip and the local hour in which it began. */
export interface TimedTrip {
  readonly trip: RecordedTrip;
  readonly hour: number;
}

interface BandFlows {
  readonly pickups: Float64Array;
  readonly dropoffs: Float64Array;
}

const cellOf = (place: { lat: number; lng: number }, resolution: number): string =>
  latLngToCell(place.lat, place.lng, resolution);

function countBy(keys: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/**
 * Where rides begin and end: pickups per cell and band as counted; dropoffs by a gravity model, whose chance of ending in
 * cell j from cell i is pull(j) x weight(distance bin of i to j), balanced (Furness) until each band's dropoffs per cell and
 * the whole day's distances are the recorded ones.
 */
export function fitDemand(
  timedTrips: readonly TimedTrip[],
): Pick<SfFigures, 'bandStarts' | 'distanceEdgesM' | 'distanceWeights' | 'cells'> {
  const ends = countBy(
    timedTrips.flatMap(({ trip }) => [trip.pickup, trip.dropoff]).map((p) => cellOf(p, CELL_RESOLUTION)),
  );
  const cells = [...ends]
    .filter(([, count]) => count >= CELL_ENDS_MIN)
    .map(([cell]) => cell)
    .sort();
  const indexOf = new Map(cells.map((cell, index) => [cell, index]));
  const bins = binsBetween(cells);
  const flows = BAND_STARTS.map((): BandFlows => ({
    pickups: new Float64Array(cells.length),
    dropoffs: new Float64Array(cells.length),
  }));
  const tripsPerBin = new Float64Array(DISTANCE_EDGES_M.length);
  for (const { trip, hour } of timedTrips) {
    const from = indexOf.get(cellOf(trip.pickup, CELL_RESOLUTION));
    const to = indexOf.get(cellOf(trip.dropoff, CELL_RESOLUTION));
    if (from === undefined || to === undefined) continue;
    const flow = flows[bandOf(BAND_STARTS, hour)] as BandFlows;
    flow.pickups[from] = (flow.pickups[from] as number) + 1;
    flow.dropoffs[to] = (flow.dropoffs[to] as number) + 1;
    const bin = bins[from * cells.length + to] as number;
    tripsPerBin[bin] = (tripsPerBin[bin] as number) + 1;
  }
  const { pulls, weights } = balance(flows, bins, tripsPerBin);
  return {
    bandStarts: BAND_STARTS,
    distanceEdgesM: DISTANCE_EDGES_M,
    distanceWeights: toShares([...weights], 1000).map((weight) => Number(weight.toPrecision(3))),
    cells: cellLines(cells, timedTrips, flows, pulls),
  };
}

function binsBetween(cells: readonly string[]): Uint8Array {
  const places = cells.map((cell) => cellToLatLng(cell));
  const bins = new Uint8Array(cells.length ** 2);
  places.forEach(([latA, lngA], from) =>
    places.forEach(([latB, lngB], to) => {
      bins[from * cells.length + to] = distanceBin(
        DISTANCE_EDGES_M,
        distanceBetweenM(latA, lngA, latB, lngB),
      );
    }),
  );
  return bins;
}

function balance(flows: readonly BandFlows[], bins: Uint8Array, tripsPerBin: Float64Array) {
  const weights = new Float64Array(tripsPerBin.length).fill(1);
  const pulls = flows.map((flow) => Float64Array.from(flow.dropoffs));
  for (let round = 0; round < ROUNDS; round += 1) {
    const modelled = new Float64Array(weights.length);
    flows.forEach((flow, band) => {
      const pull = pulls[band] as Float64Array;
      const arriving = spread(flow.pickups, pull, weights, bins, modelled);
      pull.forEach((value, to) => {
        const arrived = arriving[to] as number;
        pull[to] = arrived === 0 ? 0 : (value * (flow.dropoffs[to] as number)) / arrived;
      });
    });
    modelled.forEach((trips, bin) => {
      if (trips > 0) weights[bin] = ((weights[bin] as number) * (tripsPerBin[bin] as number)) / trips;
    });
  }
  return { pulls, weights };
}

/** Sends the pickups on their way: returns arrivals per cell and adds the trips per distance bin to `modelled`. */
function spread(
  pickups: Float64Array,
  pull: Float64Array,
  weights: Float64Array,
  bins: Uint8Array,
  modelled: Float64Array,
): Float64Array {
  const count = pull.length;
  const arriving = new Float64Array(count);
  for (let from = 0; from < count; from += 1) {
    let total = 0;
    for (let to = 0; to < count; to += 1)
      total += (pull[to] as number) * (weights[bins[from * count + to] as number] as number);
    if (total === 0) continue;
    const scale = (pickups[from] as number) / total;
    for (let to = 0; to < count; to += 1) {
      const bin = bins[from * count + to] as number;
      const trips = scale * (pull[to] as number) * (weights[bin] as number);
      arriving[to] = (arriving[to] as number) + trips;
      modelled[bin] = (modelled[bin] as number) + trips;
    }
  }
  return arriving;
}

function toShares(values: readonly number[], whole: number): number[] {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => (value * whole) / sum);
}

function cellLines(
  cells: readonly string[],
  timedTrips: readonly TimedTrip[],
  flows: readonly BandFlows[],
  pulls: readonly Float64Array[],
): string[] {
  const inChild = countBy(
    timedTrips
      .flatMap(({ trip }) => [trip.pickup, trip.dropoff])
      .map((place) => cellOf(place, CHILD_RESOLUTION)),
  );
  const pickupShares = flows.map((flow) => toShares([...flow.pickups], 10_000));
  const pullShares = pulls.map((pull) => toShares([...pull], 10_000));
  const column = (shares: number[][], index: number): string =>
    shares.map((share) => Math.round(share[index] as number)).join(',');
  return cells.map((cell, index) => {
    const children = cellToChildren(cell, CHILD_RESOLUTION).map((child) => inChild.get(child) ?? 0);
    const most = Math.max(1, ...children);
    const digits = children.map((count) => Math.round((count * 9) / most)).join('');
    return `${cell} ${digits} ${column(pickupShares, index)} ${column(pullShares, index)}`;
  });
}
