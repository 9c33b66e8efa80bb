import { encode, decodeDriverMessage, decodeRiderMessage } from './codec.ts';
import type { JsonObject } from './contract-schemas.ts';
import type { DriverMessage, RiderMessage, ServerMessage, TripView } from './messages.ts';
import { BAD_FRAMES, BAD_MESSAGES, LENIENT_FRAMES } from './vectors-bad.ts';

/** Golden frames: what a client in another language tests its codec against. */

const TRIP_ID = '0192f3a4-7c00-7000-8000-000000000001';
const OFFER_ID = '0192f3a4-7c00-7000-8000-000000000002';
const pickup = { lat: 37.7749, lng: -122.4194 };
const dropoff = { lat: 37.8044, lng: -122.2712 };
const ride = { pickup, dropoff, vehicleClass: 'economy', seats: 2 } as const;
const quote: TripView['quote'] = {
  fareMinor: 2350,
  currency: 'USD',
  distanceM: 19_250.5,
  durationS: 1_620,
  lines: [{ kind: 'base', amountMinor: 2350 }],
};
const AT_MS = 1_767_225_600_000;

const offer = {
  ...{ offerId: OFFER_ID, tripId: TRIP_ID, pickup, dropoff, seats: 2, etaS: 142.5 },
  ...{ fareMinor: 2350, currency: 'USD', expiresMs: AT_MS + 15_000 },
};
const trip: TripView = {
  tripId: TRIP_ID,
  status: 'to_pickup',
  version: 2,
  ...ride,
  quote,
  ...{
    driverId: 'driver-7',
    riderId: 'rider-9',
    pin: '0427',
    driverAt: { lat: 37.771, lng: -122.423 },
    etaS: 140,
  },
  ...{ requestedMs: AT_MS, acceptedMs: AT_MS + 6_000, arrivedMs: null, startedMs: null, endedMs: null },
  ...{ distanceM: null, fareMinor: null, fareLines: null, endedBy: null, endReason: null },
};
const driver = { lat: 37.77, lng: -122.42, headingDeg: 90, vehicleClass: 'economy', etaS: 61.25 } as const;

/** At least one of every type a driver may send. */
export const DRIVER_EXAMPLES: readonly DriverMessage[] = [
  { t: 'ping', p: [AT_MS, 37.7749, -122.4194, 8.5, 11.25, 271.5] },
  { t: 'ping', p: [AT_MS + 1_000, -33, 151, null, null, null] },
  {
    t: 'pings',
    p: [
      [AT_MS, 37.7749, -122.4194, 5, 0, null],
      [AT_MS + 4_000, 37.775, -122.4195, 5, 3.5, 359],
    ],
  },
  { t: 'online', id: 'd-1', vehicleClass: 'xl', seats: 6 },
  { t: 'online', id: 'd-12', vehicleClass: 'economy', seats: 4, mockLocation: false },
  { t: 'offline', id: 'd-2' },
  { t: 'accept', id: 'd-3', offerId: OFFER_ID },
  { t: 'decline', id: 'd-4', offerId: OFFER_ID },
  { t: 'arrived', id: 'd-5', tripId: TRIP_ID },
  { t: 'start', id: 'd-6', tripId: TRIP_ID, pin: '0427' },
  { t: 'complete', id: 'd-7', tripId: TRIP_ID },
  { t: 'no_show', id: 'd-8', tripId: TRIP_ID },
  { t: 'cancel', id: 'd-9', tripId: TRIP_ID, reason: 'flat tyre' },
  { t: 'get_trip', id: 'd-10', tripId: TRIP_ID },
  { t: 'snapshot', id: 'd-11' },
];

/** At least one of every type a rider may send. */
export const RIDER_EXAMPLES: readonly RiderMessage[] = [
  { t: 'quote', id: 'r-1', ...ride },
  { t: 'request', id: 'r-2', ...ride },
  { t: 'cancel', id: 'r-3', tripId: TRIP_ID, reason: 'changed my mind – übermorgen 🚕' },
  { t: 'nearby', id: 'r-4', place: pickup },
  { t: 'get_trip', id: 'r-5', tripId: TRIP_ID },
  { t: 'snapshot', id: 'r-6' },
];

/** At least one of every type the server sends. */
export const SERVER_EXAMPLES: readonly ServerMessage[] = [
  {
    ...{ t: 'welcome', epoch: 'k3v9.1', seq: 0, resumed: false, serverMs: AT_MS, heartbeatS: 60 },
    snapshot: { status: 'offered', offer, trip: null },
  },
  { t: 'welcome', epoch: 'k3v9.1', seq: 4, resumed: true, serverMs: AT_MS, heartbeatS: 60, snapshot: null },
  { t: 'ack', id: 'd-1' },
  { t: 'ack', id: 'r-1', quote },
  {
    t: 'ack',
    id: 'r-2',
    trip: { ...trip, status: 'searching', version: 1, driverId: null, acceptedMs: null },
  },
  { t: 'ack', id: 'r-4', drivers: [driver] },
  { t: 'ack', id: 'r-6', snapshot: { status: null, offer: null, trip } },
  { t: 'error', id: 'd-3', code: 'offer_gone', message: 'the offer is gone', retryable: false },
  { t: 'error', id: null, code: 'bad_message', message: 'not JSON', retryable: false },
  { t: 'offer', seq: 1, offer },
  { t: 'offer_closed', seq: 2, offerId: OFFER_ID, reason: 'timed_out' },
  { t: 'trip', seq: 3, trip },
  { t: 'driver_at', tripId: TRIP_ID, place: { lat: 37.771, lng: -122.423 }, headingDeg: null, etaS: 139.5 },
  { t: 'duty', seq: 4, status: 'available' },
  { t: 'move', url: 'wss://r1.example.com', zone: '862830827ffffff' },
  { t: 'move', url: null, zone: '862830827ffffff' },
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const msgpackHex = (message: { t: string }): string => hex(Buffer.from(encode(message, 'msgpack')));

function golden(messages: readonly { t: string }[]): JsonObject[] {
  return messages.map((message) => ({
    message: message,
    json: encode(message, 'json') as string,
    msgpack: msgpackHex(message),
  }));
}

/** Each bad frame with the answer that the real decoder gives. */
function badFrames(): JsonObject[] {
  const of = (role: 'driver' | 'rider') => (role === 'driver' ? decodeDriverMessage : decodeRiderMessage);
  const encoded = BAD_MESSAGES.flatMap(({ why, role, message }) => {
    const packed = encode(message, 'msgpack') as Uint8Array;
    return [
      { why, role, encoding: 'json' as const, bytes: Buffer.from(JSON.stringify(message)) },
      { why, role, encoding: 'msgpack' as const, bytes: Buffer.from(packed) },
    ];
  });
  const raw = BAD_FRAMES.map((frame) => ({ ...frame, bytes: Buffer.from(frame.hex, 'hex') }));
  return [...encoded, ...raw].map(({ why, role, encoding, bytes }) => {
    const decoded = of(role)(bytes, encoding);
    if (decoded.ok) throw new Error(`the frame "${why}" is not bad`);
    return { why, role, encoding, hex: hex(bytes), error: { id: decoded.id, code: decoded.code } };
  });
}

function lenientFrames(): JsonObject[] {
  return LENIENT_FRAMES.map(({ why, role, encoding, hex: bytes }) => {
    const decode = role === 'driver' ? decodeDriverMessage : decodeRiderMessage;
    const decoded = decode(Buffer.from(bytes, 'hex'), encoding);
    if (!decoded.ok) throw new Error(`the frame "${why}" is bad: ${decoded.detail ?? ''}`);
    return { why, role, encoding, hex: bytes, message: decoded.value };
  });
}

/** The files of `proto/vectors/`, by name. */
export function vectorFiles(): Record<string, JsonObject[]> {
  return {
    'driver.json': golden(DRIVER_EXAMPLES),
    'rider.json': golden(RIDER_EXAMPLES),
    'server.json': golden(SERVER_EXAMPLES),
    'accepted.json': lenientFrames(),
    'refused.json': badFrames(),
  };
}
