import { roundHalfUp } from './money.ts';

/** Prices of one vehicle class in one market, in minor units of its currency (cents, or yen themselves). */
export interface FareTable {
  readonly baseMinor: number;
  readonly perKmMinor: number;
  readonly perMinuteMinor: number;
  readonly minimumMinor: number;
}

/**
 * What a line of a fare is for. `minimum`: what lacks to the least fare; `surge`: demand above supply; `pickup_fee`, `dropoff_fee`, `toll`: places;
 * `rounding`: to what can be paid in cash; `cancellation`, `no_show`: instead of a ride; `fare`: all of it, of trips from before lines were kept.
 */
export const FARE_LINE_KINDS = [
  'base',
  'distance',
  'time',
  'minimum',
  'surge',
  'pickup_fee',
  'dropoff_fee',
  'toll',
  'rounding',
  'cancellation',
  'no_show',
  'fare',
] as const;
export type FareLineKind = (typeof FARE_LINE_KINDS)[number];

/** One line of a fare; the fare is the sum of its lines. */
export interface FareLine {
  readonly kind: FareLineKind;
  /** Whole minor units; only `rounding` may be below 0. */
  readonly amountMinor: number;
  /** Which one: the district's or toll's name; of `surge` the factor, as in `1.4`. */
  readonly about?: string;
}

/** What is charged beside the ride itself; the same for all classes of a market. */
export interface Charges {
  /** Fares are multiples of it: 1 where every amount can be paid. */
  readonly cashStepMinor: number;
  /** Owed by a rider who cancels later than `cancellationFreeMs` after a driver has accepted. */
  readonly cancellationFeeMinor: number;
  readonly cancellationFreeMs: number;
  /** Owed by a rider who does not come. */
  readonly noShowFeeMinor: number;
}

export const NO_CHARGES: Charges = {
  cashStepMinor: 1,
  cancellationFeeMinor: 0,
  cancellationFreeMs: 0,
  noShowFeeMinor: 0,
};

/** What rider and company have agreed on when the ride was asked for; kept with the trip, whatever the market's prices become. */
export interface FareTerms extends Charges {
  readonly table: FareTable;
  /** 1 or more, two decimals at most. */
  readonly surgeFactor: number;
  /** Of the places: what is added once, never multiplied. */
  readonly fees: readonly FareLine[];
}

/** What is to be paid. */
export const totalMinor = (lines: readonly FareLine[]): number =>
  lines.reduce((sum, line) => sum + line.amountMinor, 0);

/**
 * The lines of a ride: base + distance + time, rounded half up once (each line takes what the sum so far has grown by, so the lines add up to it), the
 * minimum, surge on all of that, fees, rounding to the cash step. Lines of 0 are left out, but for the base.
 */
export function rideFare(terms: FareTerms, distanceM: number, durationS: number): FareLine[] {
  const { baseMinor, perKmMinor, perMinuteMinor, minimumMinor } = terms.table;
  const toDistance = baseMinor + (perKmMinor * distanceM) / 1000;
  const metered = roundHalfUp(toDistance + (perMinuteMinor * durationS) / 60);
  const ride = Math.max(minimumMinor, metered);
  // Whole hundredths: 1.15 - 1 is not 0.15.
  const surgePercent = Math.round(terms.surgeFactor * 100) - 100;
  const surge = roundHalfUp((ride * surgePercent) / 100);
  const lines: FareLine[] = [
    { kind: 'distance', amountMinor: roundHalfUp(toDistance) - baseMinor },
    { kind: 'time', amountMinor: metered - roundHalfUp(toDistance) },
    { kind: 'minimum', amountMinor: ride - metered },
    { kind: 'surge', amountMinor: surge, about: String(1 + surgePercent / 100) },
    ...terms.fees,
  ];
  return rounded([{ kind: 'base', amountMinor: baseMinor }, ...lines.filter(isSomething)], terms);
}

/** What is owed where there was no ride; no lines where that costs nothing. */
export function feeInstead(terms: FareTerms, kind: 'cancellation' | 'no_show'): FareLine[] {
  const amountMinor = kind === 'no_show' ? terms.noShowFeeMinor : terms.cancellationFeeMinor;
  return amountMinor === 0 ? [] : rounded([{ kind, amountMinor }], terms);
}

/** With the line that makes the sum a multiple of the cash step, where one is needed. */
function rounded(lines: FareLine[], { cashStepMinor }: Charges): FareLine[] {
  const sum = totalMinor(lines);
  const rounding: FareLine = { kind: 'rounding', amountMinor: roundHalfUp(sum, cashStepMinor) - sum };
  return isSomething(rounding) ? [...lines, rounding] : lines;
}

const isSomething = ({ amountMinor }: FareLine): boolean => amountMinor !== 0;
