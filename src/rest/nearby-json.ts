import { VEHICLE_CLASSES } from '../domain/vehicle.ts';
import type { NearbyDriver } from '../protocol/messages.ts';
import { JsonBytes, piece } from './json-bytes.ts';

const OPEN = piece('{"drivers":[');
const CLOSE = piece(']}');
const FIRST = piece('{"lat":');
const NEXT = piece(',{"lat":');
const LNG = piece(',"lng":');
const HEADING = piece(',"headingDeg":');
const NULL = piece('null');
const END = piece('}');
/** Class names hold nothing that JSON would escape. */
const CLASSES = new Map(VEHICLE_CLASSES.map((name) => [name, piece(`,"vehicleClass":"${name}","etaS":`)]));
/** A driver with the longest numbers there are has 150. */
const DRIVER_BYTES_MAX = 200;

const json = new JsonBytes();

/**
 * The JSON of nearby's answer: what JSON.stringify would write for drivers whose places have at most five decimals, but for zeros at the
 * decimals' end. Valid until the next call. This is asked for by every app that shows a map.
 */
export function nearbyJson(drivers: readonly NearbyDriver[]): Uint8Array {
  json.begin((drivers.length + 1) * DRIVER_BYTES_MAX);
  json.put(OPEN);
  for (let n = 0; n < drivers.length; n++) {
    const { lat, lng, headingDeg, vehicleClass, etaS } = drivers[n]!;
    json.put(n === 0 ? FIRST : NEXT);
    json.degrees(lat);
    json.put(LNG);
    json.degrees(lng);
    json.put(HEADING);
    if (headingDeg === null) json.put(NULL);
    else json.number(headingDeg);
    json.put(CLASSES.get(vehicleClass)!);
    json.number(etaS);
    json.put(END);
  }
  json.put(CLOSE);
  return json.written();
}
