/** Prices of one vehicle class in one market, in minor units of its currency (cents, or yen themselves). */
export interface FareTable {
  readonly baseMinor: number;
  readonly perKmMinor: number;
  readonly perMinuteMinor: number;
  readonly minimumMinor: number;
}

/** Metered fare in whole minor units: base + distance + time, rounded half up once, never below the minimum. */
export function fareMinor(table: FareTable, distanceM: number, durationS: number): number {
  const metered =
    table.baseMinor + (table.perKmMinor * distanceM) / 1000 + (table.perMinuteMinor * durationS) / 60;
  return Math.max(table.minimumMinor, Math.round(metered));
}
