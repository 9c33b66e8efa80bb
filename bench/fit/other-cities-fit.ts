import { distanceBetweenM, distanceM } from '../../src/domain/place.ts';
import type { CitySpeed, SpeedSample } from '../../src/sim/city/city-speed.ts';
import { fitCitySpeed, localHour } from '../../src/sim/city/city-speed.ts';
import type { CitySpeeds } from '../../src/sim/city/city-speeds.ts';
import { dataPath, readCsv } from '../../src/sim/city/csv-file.ts';
import { BEIJING_COLUMNS, BEIJING_FILE } from '../../src/sim/city/beijing-2008.ts';
import type { ManhattanRequest } from '../../src/sim/city/manhattan-2013.ts';
import {
  MANHATTAN_FILES,
  readManhattanRequests,
  readManhattanTaxis,
} from '../../src/sim/city/manhattan-2013.ts';
import { PORTO_FILE, PORTO_UTC_OFFSET_MS, readPortoTrips } from '../../src/sim/city/porto-2013.ts';
import { medianOf, roundTo } from './statistics.ts';

/** Speeds of the other three cities; what their files do not tell (detour, time at the kerb) is San Francisco's. */
export function fitOtherCities(dataDir: string, sanFrancisco: CitySpeed): CitySpeeds {
  return {
    'manhattan-2013': fitManhattan(dataDir, sanFrancisco),
    'porto-2013': fitPorto(dataDir, sanFrancisco),
    'beijing-2008': fitBeijing(dataDir, sanFrancisco),
  };
}

/**
 * The requests have no drop-off time, but the taxis file says where and when a taxi became free: where that is exactly
 * (six decimals) the drop-off of one single request, the difference is how long that ride took. All such rides began at
 * 16:00:00, so short ones are not favoured.
 */
export function manhattanSamples(dataDir: string): SpeedSample[] {
  const key = (place: { lat: number; lng: number }): string => `${place.lat},${place.lng}`;
  const requests = readManhattanRequests(dataPath(dataDir, MANHATTAN_FILES.requests));
  const byDropoff = new Map<string, ManhattanRequest[]>();
  for (const request of requests) {
    const same = byDropoff.get(key(request.dropoff));
    if (same === undefined) byDropoff.set(key(request.dropoff), [request]);
    else same.push(request);
  }
  return readManhattanTaxis(dataPath(dataDir, MANHATTAN_FILES.taxis)).flatMap((taxi) => {
    const rides = (byDropoff.get(key(taxi.place)) ?? []).filter(
      (ride) => ride.recordedMs < taxi.availableMs && taxi.availableMs - ride.recordedMs < 5_400_000,
    );
    const [ride] = rides;
    if (ride === undefined || rides.length > 1) return [];
    const durationS = (taxi.availableMs - ride.recordedMs) / 1000;
    return [{ straightM: distanceM(ride.pickup, ride.dropoff), durationS, hour: 16 }];
  });
}

function fitManhattan(dataDir: string, { detourFactor, kerbS }: CitySpeed): CitySpeed {
  return fitCitySpeed(manhattanSamples(dataDir), { detourFactor, kerbS, samplesPerHourMin: 50 });
}

function fitPorto(dataDir: string, { kerbS }: CitySpeed): CitySpeed {
  const detours: number[] = [];
  const samples: SpeedSample[] = [];
  for (const trip of readPortoTrips(dataPath(dataDir, PORTO_FILE))) {
    const [first, last] = [trip.path[0], trip.path.at(-1)];
    if (first === undefined || last === undefined) continue;
    const straightM = distanceM(first, last);
    const drivenM = trip.path.reduce(
      (sum, place, index) => sum + (index === 0 ? 0 : distanceM(trip.path[index - 1] ?? place, place)),
      0,
    );
    if (straightM >= 500) detours.push(drivenM / straightM);
    const durationS = 15 * (trip.path.length - 1);
    samples.push({ straightM, durationS, hour: localHour(trip.startMs, PORTO_UTC_OFFSET_MS) });
  }
  return fitCitySpeed(samples, { detourFactor: roundTo(medianOf(detours), 2), kerbS, samplesPerHourMin: 50 });
}

/** No trips here: metres over seconds between the fixes (1 to 5 minutes apart) of taxis that moved on by 100 m or more. */
function fitBeijing(dataDir: string, { detourFactor, kerbS }: CitySpeed): CitySpeed {
  const lastFixes = new Map<string, { timeS: number; lat: number; lng: number }>();
  let [movedM, movedS] = [0, 0];
  readCsv(dataPath(dataDir, BEIJING_FILE), BEIJING_COLUMNS, ([time = '', taxiId = '', lngText, latText]) => {
    const fix = {
      timeS: Date.parse(`${time.replace(' ', 'T')}Z`) / 1000,
      lat: Number(latText),
      lng: Number(lngText),
    };
    const before = lastFixes.get(taxiId);
    lastFixes.set(taxiId, fix);
    if (before === undefined) return;
    const elapsedS = fix.timeS - before.timeS;
    const stepM = distanceBetweenM(before.lat, before.lng, fix.lat, fix.lng);
    if (!(elapsedS >= 60 && elapsedS <= 300 && stepM >= 100 && stepM <= 35 * elapsedS)) return;
    movedM += stepM;
    movedS += elapsedS;
  });
  const roadMps = roundTo((detourFactor * movedM) / movedS, 2);
  return {
    detourFactor,
    speedMpsByHour: new Array<number>(24).fill(roadMps),
    motorwayFromM: 4000,
    // The ring roads are in the mean already.
    motorwaySpeedMps: roadMps,
    kerbS,
  };
}
