import type { CitySpeed } from './city-speed.ts';

/**
 * The fitted San Francisco: everything a generated city is made of. Written by bench/fit/fit-sf.ts, never by hand. Hours are
 * local, 0 to 23.
 */
export interface SfFigures {
  /** The files it was fitted to. */
  readonly sources: readonly string[];
  /** What is known of their licence, and whom to cite. */
  readonly licence: string;
  /** Fares boarded per hour on the Friday; the requests nobody served are in no record. */
  readonly requestsByHour: readonly number[];
  /** Cabs with a fix at least every 15 minutes, mean over the hour, same Friday. */
  readonly cabsOnDutyByHour: readonly number[];
  /** Share of their time on duty that cabs had a fare. */
  readonly occupiedShareByHour: readonly number[];
  readonly speed: CitySpeed;
  readonly idle: {
    /** Straight line over time of vacant cabs that move, m/s. */
    readonly speedMpsByHour: readonly number[];
    /** Share of vacant time in which they stand. */
    readonly stillShareByHour: readonly number[];
    /** Mean seconds of one stand. */
    readonly standS: number;
  };
  /** Seconds between fixes of a cab on duty, quantiles 0.025, 0.075, ... 0.975 (20 values, one per twentieth). */
  readonly pingGapSQuantiles: readonly number[];
  /** Straight-line metres and seconds of trips, the same 20 quantiles. */
  readonly tripMQuantiles: readonly number[];
  readonly tripSQuantiles: readonly number[];
  readonly meanTripM: number;
  /** Share of rides with 1, 2, 3, 4 passengers (from the Manhattan hour: the cabs of San Francisco do not count them). */
  readonly seatShares: readonly number[];
  /** First hour of each band of the day; the last band ends at 24. */
  readonly bandStarts: readonly number[];
  /** How willing riders are to go so far: upper edge of each distance bin in metres, and its weight. */
  readonly distanceEdgesM: readonly number[];
  readonly distanceWeights: readonly number[];
  /**
   * One line per H3 cell (resolution 8): index; seven digits, the weights of its children of resolution 9 in h3's order;
   * pickups per band in 1/10,000 of the band; pull on dropoffs per band, relative.
   */
  readonly cells: readonly string[];
}

/** H3 resolution of the cells, and of the children inside which places are drawn. */
export const CELL_RESOLUTION = 8;
export const CHILD_RESOLUTION = 9;

/** One line of `SfFigures.cells`, read. */
export interface DemandCell {
  readonly cell: string;
  readonly childWeights: readonly number[];
  readonly pickupWeights: readonly number[];
  readonly dropoffWeights: readonly number[];
}

/** The inverse of the line that the fit writes. */
export function parseDemandCell(line: string): DemandCell {
  const [cell = '', children = '', pickups = '', dropoffs = ''] = line.split(' ');
  const numbers = (text: string): number[] => text.split(',').map(Number);
  return {
    cell,
    childWeights: [...children].map(Number),
    pickupWeights: numbers(pickups),
    dropoffWeights: numbers(dropoffs),
  };
}

/** Index of the distance bin of `straightM`; what is beyond the last edge counts as the last bin. */
export function distanceBin(edgesM: readonly number[], straightM: number): number {
  const found = edgesM.findIndex((edgeM) => straightM < edgeM);
  return found < 0 ? edgesM.length - 1 : found;
}

/** Index of the band that holds a local hour. */
export function bandOf(bandStarts: readonly number[], hour: number): number {
  let band = 0;
  bandStarts.forEach((start, index) => {
    if (hour >= start) band = index;
  });
  return band;
}

/** A value between the 20 quantiles for `uniform` in [0, 1), linear, flat beyond the outer two. */
export function quantileAt(quantiles: readonly number[], uniform: number): number {
  const position = Math.min(quantiles.length - 1, Math.max(0, uniform * quantiles.length - 0.5));
  const low = Math.floor(position);
  const lowValue = quantiles[low] as number;
  const highValue = quantiles[Math.min(low + 1, quantiles.length - 1)] as number;
  return lowValue + (highValue - lowValue) * (position - low);
}
