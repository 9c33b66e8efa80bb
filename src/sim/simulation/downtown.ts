import { destination, distanceM, type Place } from '../../domain/place.ts';
import type { Prng } from '../../lib/prng.ts';
import type { CityDriver, CityRide } from '../city/city.ts';
import type { CitySpeed } from '../city/city-speed.ts';
import { TraceBuilder } from '../city/trace.ts';
import type { WorldPlan } from './world-plan.ts';

const HOURS = 24;
const IDLE_MPS = 4;
const STAND_MS_MEAN = 60_000;
const RIDE_M_MIN = 200;
/** A world winds down for at most so long after the last request. */
export const DRAIN_MS_MAX = 50 * 60_000;
const LEAVES_EARLY = 0.15;
const COMES_LATE = 0.15;

export function downtownSpeed({ speedMps }: WorldPlan): CitySpeed {
  return {
    detourFactor: 1.3,
    speedMpsByHour: Array.from({ length: HOURS }, () => speedMps),
    motorwayFromM: Infinity,
    motorwaySpeedMps: 25,
    kerbS: 45,
  };
}

/** Dense in the middle, so that riders and drivers are in each other's way. */
function drawPlace({ centre, halfM }: WorldPlan, prng: Prng): Place {
  const east = destination(centre, 90, (prng.float() + prng.float() - 1) * halfM);
  return destination(east, 0, (prng.float() + prng.float() - 1) * halfM);
}

export function drawRides(plan: WorldPlan, prng: Prng): CityRide[] {
  const moments = Array.from({ length: plan.rides }, () => Math.floor(prng.float() * plan.durationMs));
  return moments
    .sort((a, b) => a - b)
    .map((atMs, index) => ({
      rideId: `ride-${index}`,
      requestedMs: plan.startMs + atMs,
      ...drawTrip(plan, prng),
      seats: 1 + prng.int(4),
    }));
}

function drawTrip(plan: WorldPlan, prng: Prng): Pick<CityRide, 'pickup' | 'dropoff'> {
  for (;;) {
    const pickup = drawPlace(plan, prng);
    const dropoff = drawPlace(plan, prng);
    if (distanceM(pickup, dropoff) >= RIDE_M_MIN) return { pickup, dropoff };
  }
}

/** Cabs that wander from place to place; a few come late or leave before the riders do. */
export function drawDrivers(plan: WorldPlan, prng: Prng): CityDriver[] {
  const endMs = plan.startMs + plan.durationMs + DRAIN_MS_MAX;
  return Array.from({ length: plan.drivers }, (_, index) => {
    const own = prng.fork();
    const within = (): number => own.float() * plan.durationMs;
    const startsMs = Math.floor(plan.startMs + (own.chance(COMES_LATE) ? within() : 0));
    const leavesMs = Math.floor(own.chance(LEAVES_EARLY) ? startsMs + within() : endMs);
    const trace = new TraceBuilder();
    let timeMs = startsMs;
    let place = drawPlace(plan, own);
    trace.add(timeMs, place.lat, place.lng);
    while (timeMs < leavesMs) {
      const next = drawPlace(plan, own);
      const arrivesMs = timeMs + 1 + (distanceM(place, next) / IDLE_MPS) * 1000;
      trace.add(arrivesMs, next.lat, next.lng);
      timeMs = arrivesMs + own.exponential(STAND_MS_MEAN);
      trace.add(timeMs + 1, next.lat, next.lng);
      place = next;
    }
    const built = trace.build(Infinity);
    return { driverId: `driver-${index}`, startsMs, endsMs: leavesMs, trace: built };
  });
}
