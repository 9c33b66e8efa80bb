import { distanceBetweenM } from '../../src/domain/place.ts';
import { localHour } from '../../src/sim/city/city-speed.ts';
import { readCsv } from '../../src/sim/city/csv-file.ts';
import { TRACE_SPEED_MPS_MAX } from '../../src/sim/city/trace.ts';
import { meanOf, medianOf, roundTo, twentyQuantiles } from './statistics.ts';

interface OccupiedFix {
  readonly timeS: number;
  readonly lat: number;
  readonly lng: number;
  readonly occupied: boolean;
}

/** What the fixes of one day say. */
export interface TraceFigures {
  readonly cabsOnDutyByHour: number[];
  readonly occupiedShareByHour: number[];
  readonly idleSpeedMpsByHour: number[];
  readonly stillShareByHour: number[];
  readonly standS: number;
  readonly pingGapSQuantiles: number[];
  readonly detourFactor: number;
}

/** A cab without a fix for longer is off duty. */
const ON_DUTY_GAP_S_MAX = 900;
/** Less than this in half a minute or more is standing: GPS wanders so far. */
const STILL_M = 30;

/** Reads `sf-cab-traces`: fixes per cab, in time order. */
export function readOccupiedTraces(path: string): OccupiedFix[][] {
  const byCab = new Map<string, OccupiedFix[]>();
  readCsv(path, ['cab_id', 'unix_time', 'latitude', 'longitude', 'occupied'], (fields) => {
    const [cabId = '', timeS, lat, lng, occupied] = fields;
    let fixes = byCab.get(cabId);
    if (fixes === undefined) byCab.set(cabId, (fixes = []));
    fixes.push({ timeS: Number(timeS), lat: Number(lat), lng: Number(lng), occupied: occupied === '1' });
  });
  return [...byCab.values()];
}

const stepM = (a: OccupiedFix, b: OccupiedFix): number => distanceBetweenM(a.lat, a.lng, b.lat, b.lng);
const zeroes = (): number[] => new Array<number>(24).fill(0);

/** Duty, vacancy, ping gaps and detour of one day of fixes. */
export function fitTraces(cabs: readonly OccupiedFix[][], utcOffsetMs: number): TraceFigures {
  const [dutyS, occupiedS, stillS, movingS, movingM] = [zeroes(), zeroes(), zeroes(), zeroes(), zeroes()];
  const gapsS: number[] = [];
  const add = (column: number[], hour: number, value: number): void => {
    column[hour] = (column[hour] as number) + value;
  };
  for (const fixes of cabs) {
    for (let index = 1; index < fixes.length; index += 1) {
      const [before, after] = [fixes[index - 1] as OccupiedFix, fixes[index] as OccupiedFix];
      const gapS = after.timeS - before.timeS;
      if (gapS <= 0 || gapS > ON_DUTY_GAP_S_MAX) continue;
      const hour = localHour(before.timeS * 1000, utcOffsetMs);
      gapsS.push(gapS);
      add(dutyS, hour, gapS);
      if (before.occupied) add(occupiedS, hour, gapS);
      if (before.occupied || after.occupied || gapS < 30 || gapS > 120) continue;
      const movedM = stepM(before, after);
      if (movedM > TRACE_SPEED_MPS_MAX * gapS) continue;
      add(movedM < STILL_M ? stillS : movingS, hour, gapS);
      if (movedM >= STILL_M) add(movingM, hour, movedM);
    }
  }
  const perHour = (value: (hour: number) => number, digits: number): number[] =>
    Array.from({ length: 24 }, (_, hour) => roundTo(value(hour), digits));
  const at = (column: number[], hour: number): number => column[hour] as number;
  return {
    cabsOnDutyByHour: perHour((hour) => at(dutyS, hour) / 3600, 0),
    occupiedShareByHour: perHour((hour) => at(occupiedS, hour) / at(dutyS, hour), 2),
    idleSpeedMpsByHour: perHour((hour) => at(movingM, hour) / at(movingS, hour), 2),
    stillShareByHour: perHour((hour) => at(stillS, hour) / (at(stillS, hour) + at(movingS, hour)), 2),
    pingGapSQuantiles: twentyQuantiles(gapsS),
    standS: Math.round(meanOf(cabs.flatMap(standingRunsS))),
    detourFactor: roundTo(medianOf(cabs.flatMap(detours)), 2),
  };
}

/** How long a vacant cab stood each time, seconds: runs of fixes less than STILL_M apart, at least half a minute long. */
function standingRunsS(fixes: readonly OccupiedFix[]): number[] {
  const runs: number[] = [];
  let runS = 0;
  for (let index = 1; index < fixes.length; index += 1) {
    const [before, after] = [fixes[index - 1] as OccupiedFix, fixes[index] as OccupiedFix];
    const gapS = after.timeS - before.timeS;
    const stands =
      !before.occupied && !after.occupied && gapS <= ON_DUTY_GAP_S_MAX && stepM(before, after) < STILL_M;
    if (stands) runS += gapS;
    if ((!stands || index === fixes.length - 1) && runS >= 30) runs.push(runS);
    if (!stands) runS = 0;
  }
  return runs;
}

/**
 * Driven over straight line of each fare of 0.5 to 4 km, along the chords of its fixes. These come once a minute and cut
 * corners, so it is a little low (as is the road speed fitted with it: their quotient, seconds per straight metre, is not).
 */
function detours(fixes: readonly OccupiedFix[]): number[] {
  const found: number[] = [];
  for (let first = 0; first < fixes.length; first += 1) {
    if (!(fixes[first] as OccupiedFix).occupied) continue;
    let last = first;
    let drivenM = 0;
    while (fixes[last + 1]?.occupied === true) {
      drivenM += stepM(fixes[last] as OccupiedFix, fixes[last + 1] as OccupiedFix);
      last += 1;
    }
    const [start, end] = [fixes[first] as OccupiedFix, fixes[last] as OccupiedFix];
    const straightM = stepM(start, end);
    if (last - first >= 4 && straightM >= 500 && straightM <= 4000) found.push(drivenM / straightM);
    first = last;
  }
  return found;
}
