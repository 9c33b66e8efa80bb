/**
 * How many digits of an amount stand behind the point, by ISO 4217: 2 for USD, 0 for JPY, 3 for KWD. Throws a RangeError for what is no code
 * of three letters.
 */
export function minorDigits(currency: string): number {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.resolvedOptions().maximumFractionDigits ?? 2;
}

/** Whether ISO 4217 knows the currency. */
export const isCurrency = (currency: string): boolean =>
  Intl.supportedValuesOf('currency').includes(currency);

/** To the nearest multiple of `stepMinor` (1 or more minor units: 5 where coins of 1 are gone), half up. */
export const roundHalfUp = (amountMinor: number, stepMinor = 1): number =>
  Math.floor(amountMinor / stepMinor + 0.5) * stepMinor;
