import type { FareTable } from '../../domain/fare.ts';
import type { MarketId } from '../../domain/ids.ts';
import { DEFAULT_MATCH_POLICY, type Market, type MatchMode, PLAIN_MARKET } from '../../domain/market.ts';
import type { City } from '../city/city.ts';

/** What the server and the screen need to know of a city; the rest stays with its apps. */
export interface CityCard {
  readonly market: Market;
  readonly beginsMs: number;
  readonly utcOffsetMs: number;
  readonly driverCount: number;
  readonly rideCount: number;
}

/** Taxi tariffs of about the records' years, minor units; any other currency gets the dollar's figures. */
const FARES: Readonly<Record<string, FareTable>> = {
  USD: { baseMinor: 310, perKmMinor: 140, perMinuteMinor: 45, minimumMinor: 500 },
  EUR: { baseMinor: 200, perKmMinor: 45, perMinuteMinor: 24, minimumMinor: 325 },
  CNY: { baseMinor: 1000, perKmMinor: 200, perMinuteMinor: 20, minimumMinor: 1000 },
};

/** The market that serves a city: the engine's own policy, but for the mode and the city's patience. */
export function marketOfCity(city: City, mode: MatchMode): Market {
  const { detourFactor, speedMpsByHour, motorwayFromM, motorwaySpeedMps } = city.driveSpeed;
  return {
    ...PLAIN_MARKET,
    marketId: city.name as MarketId,
    bounds: city.serviceArea,
    timeZone: city.timeZone,
    currency: city.currency,
    fares: { economy: FARES[city.currency] ?? FARES['USD']! },
    driveSpeed: { detourFactor, speedMpsByHour, motorwayFromM, motorwaySpeedMps },
    match: { ...DEFAULT_MATCH_POLICY, mode, requestTtlMs: city.patienceS * 1000 },
    noShowMs: 4 * 60_000,
  };
}
