/** Twenty quantiles, 0.025, 0.075, ... 0.975, each rounded to a whole number. Error-free on any non-empty list. */
export function twentyQuantiles(values: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  return Array.from({ length: 20 }, (_, index) =>
    Math.round(sorted[Math.floor(((index + 0.5) / 20) * sorted.length)] as number),
  );
}

/** The middle one (the upper of two). */
export function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1] as number;
}

/** Sum over count. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Where the least-squares line through the points meets x = 0. */
export function interceptOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const meanX = meanOf(points.map((point) => point.x));
  const meanY = meanOf(points.map((point) => point.y));
  let [covariance, variance] = [0, 0];
  for (const { x, y } of points) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  return meanY - (covariance / variance) * meanX;
}

/** `value` with so many digits behind the point. */
export function roundTo(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
