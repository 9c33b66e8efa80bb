import type { AutocannonRequest } from 'autocannon';
import type { DriverId } from '../../src/domain/ids.ts';
import { distanceM, type Place } from '../../src/domain/place.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { type Callers, headersOf } from '../http/callers.ts';

/** San Francisco's service area, 31 km by 29 km: all drivers are in it, free, and evenly spread, so that a million are crowded. */
export const MARKET = DEFAULT_MARKET;
export const K = 20;

export const driverIdOf = (n: number): DriverId => `driver-${n}` as DriverId;

const placesIn = (count: number, seed: number): Place[] => {
  const prng = createPrng(seed);
  const { south, west, north, east } = MARKET.bounds;
  return Array.from({ length: count }, () => ({
    lat: south + prng.float() * (north - south),
    lng: west + prng.float() * (east - west),
  }));
};

/** Where the drivers are, by number: the same for all subjects. */
export const driverPlaces = (drivers: number, seed: number): Place[] => placesIn(drivers, seed);

/** Where riders ask from. */
export const askedPlaces = (count: number, seed: number): Place[] => placesIn(count, seed + 1);

/** Questions of riders, each from somewhere else; so many lists, one for each connection. The path is the query alone. */
export async function nearbyRequests(
  callers: Omit<Callers, 'role'>,
  seed: number,
): Promise<AutocannonRequest[][]> {
  const lists = await headersOf({ ...callers, role: 'rider' });
  const places = askedPlaces(callers.lists * callers.callersAList, seed);
  return lists.map((list, at) =>
    list.map((headers, n) => {
      const { lat, lng } = places[at * callers.callersAList + n]!;
      return { path: `?lat=${lat.toFixed(6)}&lng=${lng.toFixed(6)}`, headers };
    }),
  );
}

/** Stores keep places less exactly than doubles are: Redis to 0.6 m; answers to riders to 1.1 m. */
const TOLERANCE_M = 3;

/** Throws when these are not the K nearest, as looking at every driver finds them. */
export function assertNearest(found: readonly Place[], places: readonly Place[], at: Place): void {
  const nearestM = places
    .map((place) => distanceM(at, place))
    .sort((a, b) => a - b)
    .slice(0, K);
  const foundM = found.map((place) => distanceM(at, place)).sort((a, b) => a - b);
  if (foundM.length === K && foundM.every((m, n) => Math.abs(m - nearestM[n]!) < TOLERANCE_M)) return;
  throw new Error(
    `wrong neighbours of ${at.lat}, ${at.lng}: ${foundM.join(' ')}, not ${nearestM.join(' ')} m`,
  );
}
