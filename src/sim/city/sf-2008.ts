import { createPrng } from '../../lib/prng.ts';
import type { City } from './city.ts';
import { CleaningCount, PATIENCE_S, STAY_MS, centreOf, chooseFleet } from './city.ts';
import { dataPath } from './csv-file.ts';
import type { ReplayOptions } from './replay-options.ts';
import { spanOf } from './replay-options.ts';
import { SF_SERVICE_AREA, SF_TIME_ZONE, SF_UTC_OFFSET_MS } from './san-francisco.ts';
import { SF_FIGURES } from './sf-figures.ts';
import { readRecordedTrips, readTraces, ridesOfTrips } from './trace-files.ts';

const SF_FILES = {
  traces: 'sf-cab-traces-2008-06-06.csv.gz',
  trips: 'sf-cab-trips-2008-06-02_06-06.csv.gz',
} as const;

/** The recorded Friday; `busyMs` is 20:00, the hours around it are the evening's fullest with most cabs. */
export const SF_RECORD = {
  startMs: Date.parse('2008-06-06T00:00:00-07:00'),
  endMs: Date.parse('2008-06-07T00:00:00-07:00'),
  busyMs: Date.parse('2008-06-06T20:00:00-07:00'),
};

/** Cabs that send nothing for longer are off duty: 99 % of their gaps are shorter than 4 minutes, the next are hours. */
export const CAB_GAP_MS_MAX = 15 * 60_000;
/** A fix farther from the centre is an outlier: nearly all of the known ones lie 190 km off and more. */
export const CAB_REACH_M = 100_000;

/**
 * Friday 2008-06-06 in San Francisco: every cab follows its recorded fixes (with and without a fare: its way through town
 * is real either way), every fare boarded that day is asked for where and when it was boarded.
 */
export function loadSf2008(options: ReplayOptions): City {
  const span = spanOf(SF_RECORD, options);
  const window = { fromMs: span.startMs, toMs: span.endMs };
  const cleaning = new CleaningCount();
  const centre = centreOf(SF_SERVICE_AREA);
  const drivers = readTraces(dataPath(options.dataDir, SF_FILES.traces), {
    window: { fromMs: span.startMs, toMs: span.endMs + STAY_MS },
    centre,
    reachM: CAB_REACH_M,
    gapMsMax: CAB_GAP_MS_MAX,
    cleaning,
  });
  const trips = readRecordedTrips(dataPath(options.dataDir, SF_FILES.trips));
  return {
    name: 'sf-2008',
    ...span,
    timeZone: SF_TIME_ZONE,
    utcOffsetMs: SF_UTC_OFFSET_MS,
    currency: 'USD',
    centre,
    serviceArea: SF_SERVICE_AREA,
    driveSpeed: SF_FIGURES.speed,
    patienceS: PATIENCE_S,
    drivers: chooseFleet(drivers, options.fleet, createPrng(options.seed ?? 1)),
    rides: ridesOfTrips(trips, { window, serviceArea: SF_SERVICE_AREA, cleaning }),
    cleaning: cleaning.toRecord(),
  };
}
