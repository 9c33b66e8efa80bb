/** An axis: where a value lies, 0 (its start) to 1 (its end), and the values to be marked. */
export interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Less is nothing in any unit that is told. */
const NEXT_TO_NOTHING = 1e-9;

/** Whole decades around `values`, of which those above 0 count. A 0 lies at the start, a decade before the least of the others. */
export function logAxis(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > NEXT_TO_NOTHING);
  const hasZero = positive.length < values.length;
  const low = Math.floor(Math.log10(Math.min(...positive, Number.MAX_VALUE)) + 1e-9);
  const from = positive.length === 0 ? 0 : low - (hasZero ? 1 : 0);
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...positive, Number.MIN_VALUE)) - 1e-9));
  const decades = Array.from({ length: to - from + 1 }, (_, i) => Number(`1e${from + i}`));
  return {
    ticks: hasZero ? [0, ...decades.slice(1)] : decades,
    at: (value) => (value <= 0 ? 0 : Math.max(0, (Math.log10(value) - from) / (to - from))),
  };
}

/** From 0 to a little above the greatest of `values`, in steps of 1, 2 or 5 times a power of ten. */
export function linearAxis(values: readonly number[]): Axis {
  const greatest = Math.max(...values, 0);
  const most = greatest > NEXT_TO_NOTHING ? greatest : 1;
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999)!;
  const count = Math.ceil(most / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
  return { ticks, at: (value) => value / (count * step) };
}

/** `10k`, `1M`, `0.01`. */
export function tickText(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(6))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(6))}k`;
  return String(Number(value.toPrecision(6)));
}
