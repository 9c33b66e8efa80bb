import { type Area, areaProblem } from './area.ts';
import { inBounds, type Market } from './market.ts';
import { isCurrency } from './money.ts';

/**
 * What no schema can say against a market's settings: a clear sentence about the first thing that is wrong, or null when they can be served.
 */
export function marketProblem(market: Market): string | null {
  const { bounds, match } = market;
  if (bounds.south >= bounds.north || bounds.west >= bounds.east)
    return 'bounds: south must be below north, and west of east';
  if (!isCurrency(market.currency)) return `currency: ${market.currency} is none that ISO 4217 knows`;
  if (!isTimeZone(market.timeZone)) return `timeZone: there is no ${market.timeZone}`;
  if (Object.keys(market.fares).length === 0) return 'fares: at least one vehicle class is needed';
  if (match.radiusM > match.radiusMMax) return 'match: radiusM must not be larger than radiusMMax';
  return placesProblem(market);
}

function placesProblem({ area, bounds, districts, tolls }: Market): string | null {
  const outside = area?.findIndex((corner) => !inBounds(bounds, corner)) ?? -1;
  if (outside >= 0) return `area: corner ${outside + 1} lies outside the bounds`;
  const areas: [what: string, area: Area][] = [
    ...(area === null ? [] : [['area', area] as [string, Area]]),
    ...districts.map(({ name, area }): [string, Area] => [`district ${name}`, area]),
    ...tolls.flatMap(({ name, from, to }): [string, Area][] => [
      [`toll ${name}: from`, from],
      [`toll ${name}: to`, to],
    ]),
  ];
  for (const [what, one] of areas) {
    const problem = areaProblem(one);
    if (problem !== null) return `${what} ${problem}`;
  }
  return doubledName('districts', districts) ?? doubledName('tolls', tolls);
}

function doubledName(what: string, named: readonly { readonly name: string }[]): string | null {
  const names = named.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? null : `${what}: the name ${twice} is there twice`;
}

function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
