/** A place on the earth: WGS 84 degrees, lat -90..90, lng -180..180. */
export interface Place {
  readonly lat: number;
  readonly lng: number;
}

/** Mean earth radius (IUGG), metres. */
export const EARTH_RADIUS_M = 6_371_008.8;

const RAD = Math.PI / 180;

/** Great-circle distance in metres (haversine), exact to 0.5 % of the ellipsoid's. */
export function distanceM(a: Place, b: Place): number {
  return distanceBetweenM(a.lat, a.lng, b.lat, b.lng);
}

/** As `distanceM`, over bare degrees: for the hot paths, which hold no objects. */
export function distanceBetweenM(latA: number, lngA: number, latB: number, lngB: number): number {
  const sinLat = Math.sin(((latB - latA) * RAD) / 2);
  const sinLng = Math.sin(((lngB - lngA) * RAD) / 2);
  const h = sinLat * sinLat + Math.cos(latA * RAD) * Math.cos(latB * RAD) * sinLng * sinLng;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** The place `distanceM` metres from `from` on the initial bearing `bearingDeg` (0 = north, clockwise). */
export function destination(from: Place, bearingDeg: number, distanceM: number): Place {
  const d = distanceM / EARTH_RADIUS_M;
  const lat1 = from.lat * RAD;
  const bearing = bearingDeg * RAD;
  const lat2 = Math.asin(Math.sin(lat1) * Math.cos(d) + Math.cos(lat1) * Math.sin(d) * Math.cos(bearing));
  const lng2 =
    from.lng * RAD +
    Math.atan2(
      Math.sin(bearing) * Math.sin(d) * Math.cos(lat1),
      Math.cos(d) - Math.sin(lat1) * Math.sin(lat2),
    );
  return { lat: lat2 / RAD, lng: ((lng2 / RAD + 540) % 360) - 180 };
}

/** Initial bearing in degrees, 0 (north) up to 360, clockwise. */
export function bearingDeg(from: Place, to: Place): number {
  const lat1 = from.lat * RAD;
  const lat2 = to.lat * RAD;
  const dLng = (to.lng - from.lng) * RAD;
  const y = Math.sin(dLng) * Math.cos(lat2);
  const x = Math.cos(lat1) * Math.sin(lat2) - Math.sin(lat1) * Math.cos(lat2) * Math.cos(dLng);
  return (Math.atan2(y, x) / RAD + 360) % 360;
}

/** The point `fraction` (0..1) of the way; straight in degrees, right to a metre over a city block. */
export function interpolate(from: Place, to: Place, fraction: number): Place {
  return { lat: from.lat + (to.lat - from.lat) * fraction, lng: from.lng + (to.lng - from.lng) * fraction };
}

/** True when both are finite and within the ranges above. */
export function isPlace(lat: number, lng: number): boolean {
  return lat >= -90 && lat <= 90 && lng >= -180 && lng <= 180;
}
