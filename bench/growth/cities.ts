import { destination, type Place } from '../../src/domain/place.ts';
import { createPrng } from '../../src/lib/prng.ts';

/** A large city has so many drivers on duty; more drivers are more cities. */
const CITY_DRIVERS = 100_000;
const CITY_RADIUS_M = 15_000;
const CITIES_APART_M = 100_000;
const FIRST: Place = { lat: 37.7749, lng: -122.4194 };

/** Where drivers are, by their number: degrees. */
export interface Homes {
  readonly lat: Float64Array;
  readonly lng: Float64Array;
}

/** So many drivers in cities of at most 100,000 in a row from west to east, everywhere equally dense, numbered in no order of place. The same seed, the same homes. */
export function homesOf(drivers: number, seed: number): Homes {
  const place = placesInCities(drivers, seed);
  const homes = { lat: new Float64Array(drivers), lng: new Float64Array(drivers) };
  for (let n = 0; n < drivers; n++) {
    const { lat, lng } = place(n);
    homes.lat[n] = lat;
    homes.lng[n] = lng;
  }
  return homes;
}

/** A random place in the city of driver `n`, another one each time. */
export function placesInCities(drivers: number, seed: number): (n: number) => Place {
  const prng = createPrng(seed);
  const centres = Array.from({ length: Math.ceil(drivers / CITY_DRIVERS) }, (_, city) =>
    destination(FIRST, 90, city * CITIES_APART_M),
  );
  return (n) =>
    destination(
      centres[Math.floor(n / CITY_DRIVERS)]!,
      prng.float() * 360,
      CITY_RADIUS_M * Math.sqrt(prng.float()),
    );
}
