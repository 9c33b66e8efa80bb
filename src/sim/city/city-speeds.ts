// Written by bench/fit/fit-sf.ts; change the program, not this table. Sources: nyc-manhattan-requests/taxis-2013-11-18T16
// (152 rides whose end is found in the taxis file), porto-trips-2013-07-01 (999 polylines), beijing-taxi-traces-2008-02-04T18.
import type { CitySpeed } from './city-speed.ts';

/** Speeds per recorded city; San Francisco has its own in sf-figures.ts. */
export type CitySpeeds = Readonly<Record<'manhattan-2013' | 'porto-2013' | 'beijing-2008', CitySpeed>>;

/** See CitySpeeds. Hours without enough records hold the whole record's speed. */
export const CITY_SPEEDS: CitySpeeds = {
  'manhattan-2013': {
    detourFactor: 1.22,
    speedMpsByHour: [
      4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9, 4.9,
      4.9, 4.9, 4.9,
    ],
    motorwayFromM: 4000,
    motorwaySpeedMps: 4.9,
    kerbS: 130,
  },
  'porto-2013': {
    detourFactor: 1.46,
    speedMpsByHour: [
      7.37, 8.56, 7.37, 7.37, 7.37, 7.37, 7.37, 8.75, 6.34, 6.27, 7.37, 7.37, 7.37, 7.37, 7.37, 7.37, 7.37,
      7.37, 7.37, 7.37, 7.37, 7.37, 7.37, 7.37,
    ],
    motorwayFromM: 4000,
    motorwaySpeedMps: 30,
    kerbS: 130,
  },
  'beijing-2008': {
    detourFactor: 1.22,
    speedMpsByHour: [
      6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3, 6.3,
      6.3, 6.3, 6.3,
    ],
    motorwayFromM: 4000,
    motorwaySpeedMps: 6.3,
    kerbS: 130,
  },
};
