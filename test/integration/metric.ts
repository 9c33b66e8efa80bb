import type { ServedCity } from './city.ts';

/** One figure of /metrics, by its name with its labels; 0 while there is none. */
export async function metric(city: ServedCity, series: string): Promise<number> {
  const { body } = await city.http<string>('GET', '/metrics');
  const line = body.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}
