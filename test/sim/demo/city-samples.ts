import { DEFAULT_MATCH_POLICY, PLAIN_MARKET } from '../../../src/domain/market.ts';
import type { MarketId } from '../../../src/domain/ids.ts';
import { createPhoneCounts } from '../../../src/sim/apps/phone.ts';
import { SF_SERVICE_AREA, SF_UTC_OFFSET_MS } from '../../../src/sim/city/san-francisco.ts';
import { SF_FIGURES } from '../../../src/sim/city/sf-figures.ts';
import type { CityCard } from '../../../src/sim/demo/city-market.ts';
import type { ClientReport } from '../../../src/sim/demo/client-messages.ts';

export const CARD: CityCard = {
  market: {
    ...PLAIN_MARKET,
    marketId: 'san-francisco' as MarketId,
    bounds: SF_SERVICE_AREA,
    timeZone: 'America/Los_Angeles',
    currency: 'USD',
    fares: {},
    driveSpeed: SF_FIGURES.speed,
    match: DEFAULT_MATCH_POLICY,
    noShowMs: 240_000,
  },
  beginsMs: Date.parse('2008-06-06T18:00:00-07:00'),
  utcOffsetMs: SF_UTC_OFFSET_MS,
  driverCount: 5,
  rideCount: 10,
};

const latency = { count: 4, mean: 22.5, p50: 21, p90: 40, p99: 190, p999: 192 };

/** Ten rides, one refused, one still searching, one on its way. */
export const REPORT: ClientReport = {
  cityMs: CARD.beginsMs + 65_000,
  rides: {
    ...{ requests: 10, refused: 1, searching: 1, toPickup: 1, atPickup: 0, onTrip: 0 },
    ...{ completed: 4, cancelled: 2, expired: 1, lost: 0, matched: 6, offers: 9 },
  },
  openRides: 2,
  drivers: { idle: 4, moving: 1 },
  fixesSent: 1_000,
  offerLatency: latency,
  trouble: 1,
  pickupWaitsS: [30, 10, 20, 40],
  refusedByCode: { outside_area: 1 },
  phones: {
    driver: { ...createPhoneCounts(), connections: 5, resumed: 2, repeats: 1 },
    rider: createPhoneCounts(),
  },
  timersLateMs: latency,
  pingStretch: 1.234,
  troubles: ['a line was lost'],
};
