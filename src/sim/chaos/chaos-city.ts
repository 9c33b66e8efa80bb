import {
  cellCentre,
  cellName,
  DEFAULT_GRID,
  gridDisk,
  neighbours,
  type Zone,
  zoneAt,
} from '../../domain/cell.ts';
import type { MarketId } from '../../domain/ids.ts';
import { DEFAULT_MATCH_POLICY, type Bounds, type Market, PLAIN_MARKET } from '../../domain/market.ts';
import { destination, distanceM, type Place } from '../../domain/place.ts';
import { createPrng, type Prng } from '../../lib/prng.ts';
import type { City, CityDriver, CityRide } from '../city/city.ts';
import type { CitySpeed } from '../city/city-speed.ts';
import { TraceBuilder } from '../city/trace.ts';

/** What a chaos city is made from: the same values give the same city in every process. */
export interface ChaosCitySpec {
  readonly seed: number;
  readonly drivers: number;
  readonly ridesPerS: number;
  /** How long riders may ask; more rides are drawn than a run needs. */
  readonly askMs: number;
  /** The city reaches so many rings of zones around the one in its middle: 1 = 7 zones, 2 = 19. */
  readonly zoneRings: number;
}

/** A zone by its name (15 hex digits), with a place well inside. */
export interface NamedZone {
  readonly zone: string;
  readonly centre: Place;
}

export interface ChaosCity {
  readonly city: City;
  readonly market: Market;
  readonly zones: readonly NamedZone[];
}

const MIDDLE: Place = { lat: 51.05, lng: 13.74 };
const START_MS = Date.UTC(2026, 0, 5, 12);
const DAY_MS = 24 * 3_600_000;
const HUB_M = 450;
const RIDE_M: readonly [number, number] = [100, 400];
const ROAMING_SHARE = 0.2;
const ROAM_M = 6_000;
const IDLE_MPS = 5;
const STAND_MS_MEAN = 20_000;
const MARGIN_M = 6_000;
const SPEED: CitySpeed = {
  detourFactor: 1,
  speedMpsByHour: Array.from({ length: 24 }, () => 40),
  motorwayFromM: 100_000,
  motorwaySpeedMps: 40,
  kerbS: 3,
};
const FARE = { baseMinor: 250, perKmMinor: 150, perMinuteMinor: 40, minimumMinor: 400 };

/**
 * A city of short rides. People meet where three zones do, so that replicas compete for the same drivers, and in the middle
 * of zones. Its riders ask for `economy`; `xl` is for the probes, which so have drivers that nobody else takes.
 */
export function chaosCity(spec: ChaosCitySpec): ChaosCity {
  const middle = zoneAt(MIDDLE.lat, MIDDLE.lng, DEFAULT_GRID);
  const zones = gridDisk(middle, spec.zoneRings).map((zone) => ({
    zone: cellName(zone),
    centre: cellCentre(zone),
  }));
  const hubs = [...cornersOf(middle), ...neighbours(middle).map(cellCentre)];
  const prng = createPrng(spec.seed);
  const [driversPrng, ridesPrng] = [prng.fork(), prng.fork()];
  const city: City = {
    name: 'chaos',
    startMs: START_MS,
    endMs: START_MS + spec.askMs,
    timeZone: 'Europe/Berlin',
    utcOffsetMs: 3_600_000,
    currency: 'EUR',
    centre: MIDDLE,
    serviceArea: boundsAround(zones.map(({ centre }) => centre)),
    driveSpeed: SPEED,
    patienceS: 45,
    drivers: drawDrivers(spec, hubs, driversPrng),
    rides: drawRides(spec, hubs, ridesPrng),
    cleaning: {},
  };
  return { city, market: marketOf(city), zones };
}

/** The zone's six corners: middles of three zones that all touch. */
function cornersOf(zone: Zone): Place[] {
  const around = neighbours(zone);
  return around.flatMap((one) =>
    around
      .filter((other) => other > one && neighbours(one).includes(other))
      .map((other) => meanOf([zone, one, other].map(cellCentre))),
  );
}

const meanOf = (places: readonly Place[]): Place => ({
  lat: places.reduce((sum, { lat }) => sum + lat, 0) / places.length,
  lng: places.reduce((sum, { lng }) => sum + lng, 0) / places.length,
});

function boundsAround(places: readonly Place[]): Bounds {
  const north = Math.max(...places.map((place) => destination(place, 0, MARGIN_M).lat));
  const south = Math.min(...places.map((place) => destination(place, 180, MARGIN_M).lat));
  const east = Math.max(...places.map((place) => destination(place, 90, MARGIN_M).lng));
  const west = Math.min(...places.map((place) => destination(place, 270, MARGIN_M).lng));
  return { north, south, east, west };
}

function marketOf(city: City): Market {
  const { detourFactor, speedMpsByHour, motorwayFromM, motorwaySpeedMps } = city.driveSpeed;
  return {
    ...PLAIN_MARKET,
    marketId: city.name as MarketId,
    bounds: city.serviceArea,
    timeZone: city.timeZone,
    currency: city.currency,
    fares: { economy: FARE, xl: FARE },
    driveSpeed: { detourFactor, speedMpsByHour, motorwayFromM, motorwaySpeedMps },
    match: {
      ...DEFAULT_MATCH_POLICY,
      tickMs: 250,
      offerTtlMs: 8_000,
      requestTtlMs: city.patienceS * 1_000,
      radiusM: 1_000,
      radiusMMax: 1_500,
    },
    noShowMs: 5_000,
  };
}

/** Somewhere within `radiusM`, evenly over the disc. */
const near = (place: Place, radiusM: number, prng: Prng): Place =>
  destination(place, prng.float() * 360, radiusM * Math.sqrt(prng.float()));

function drawRides(spec: ChaosCitySpec, hubs: readonly Place[], prng: Prng): CityRide[] {
  const rides: CityRide[] = [];
  for (let atMs = prng.exponential(1_000 / spec.ridesPerS); atMs < spec.askMs;) {
    const pickup = near(hubs[prng.int(hubs.length)]!, HUB_M, prng);
    const rideM = RIDE_M[0] + prng.float() * (RIDE_M[1] - RIDE_M[0]);
    rides.push({
      rideId: `ride-${rides.length}`,
      requestedMs: START_MS + Math.floor(atMs),
      pickup,
      dropoff: destination(pickup, prng.float() * 360, rideM),
      seats: 1 + prng.int(4),
    });
    atMs += prng.exponential(1_000 / spec.ridesPerS);
  }
  return rides;
}

/** Cabs that go about their hub, and some that go anywhere. */
function drawDrivers(spec: ChaosCitySpec, hubs: readonly Place[], prng: Prng): CityDriver[] {
  const endsMs = START_MS + spec.askMs + DAY_MS;
  const tracedMs = START_MS + spec.askMs + 600_000;
  return Array.from({ length: spec.drivers }, (_, index) => {
    const own = prng.fork();
    const roams = own.chance(ROAMING_SHARE);
    const home = roams ? MIDDLE : hubs[index % hubs.length]!;
    const draw = (): Place => near(home, roams ? ROAM_M : HUB_M, own);
    const trace = new TraceBuilder();
    let [timeMs, place] = [START_MS, draw()];
    trace.add(timeMs, place.lat, place.lng);
    while (timeMs < tracedMs) {
      const next = draw();
      timeMs += 1 + (distanceM(place, next) / IDLE_MPS) * 1_000;
      trace.add(timeMs, next.lat, next.lng);
      timeMs += 1 + own.exponential(STAND_MS_MEAN);
      trace.add(timeMs, next.lat, next.lng);
      place = next;
    }
    // It stands there for the rest of the day.
    trace.add(endsMs, place.lat, place.lng);
    return { driverId: `cab-${index}`, startsMs: START_MS, endsMs, trace: trace.build(Infinity) };
  });
}
