import type { Encoding } from './codec.ts';

/** Frames that test the edges of the decoder; the answers to them are taken from the decoder itself when they are written. */

interface Case {
  readonly why: string;
  readonly role: 'driver' | 'rider';
}
export interface BadMessage extends Case {
  readonly message: { readonly t: string } & Readonly<Record<string, unknown>>;
}
export interface RawFrame extends Case {
  readonly encoding: Encoding;
  readonly hex: string;
}

const TRIP_ID = '0192f3a4-7c00-7000-8000-000000000001';
const NO_TYPE = { id: 'x-1' } as unknown as BadMessage['message'];
const text = (content: string): string => Buffer.from(content).toString('hex');

/** Refused, in both encodings. */
export const BAD_MESSAGES: readonly BadMessage[] = [
  { why: 'no type', role: 'driver', message: NO_TYPE },
  { why: 'unknown type', role: 'driver', message: { t: 'teleport', id: 'x-2' } },
  {
    why: 'the other role’s type',
    role: 'driver',
    message: { t: 'nearby', id: 'x-3', place: { lat: 1, lng: 2 } },
  },
  { why: 'no id', role: 'driver', message: { t: 'offline' } },
  { why: 'an id with a space', role: 'driver', message: { t: 'offline', id: 'a b' } },
  { why: 'latitude above 90', role: 'driver', message: { t: 'ping', p: [1, 90.5, 0, null, null, null] } },
  { why: 'a fix of five', role: 'driver', message: { t: 'ping', p: [1, 2, 3, null, null] } },
  { why: 'time is null', role: 'driver', message: { t: 'ping', p: [null, 2, 3, null, null, null] } },
  { why: 'no fixes', role: 'driver', message: { t: 'pings', p: [] } },
  { why: 'not a trip id', role: 'driver', message: { t: 'arrived', id: 'x-4', tripId: '17' } },
  {
    why: 'a PIN of letters',
    role: 'driver',
    message: { t: 'start', id: 'x-5', tripId: TRIP_ID, pin: 'abcd' },
  },
  { why: 'no seats', role: 'driver', message: { t: 'online', id: 'x-6', vehicleClass: 'xl', seats: 0 } },
  {
    why: 'unknown class',
    role: 'driver',
    message: { t: 'online', id: 'x-7', vehicleClass: 'boat', seats: 2 },
  },
  {
    why: 'no dropoff',
    role: 'rider',
    message: { t: 'request', id: 'x-8', pickup: { lat: 1, lng: 2 }, seats: 1 },
  },
  { why: 'place as text', role: 'rider', message: { t: 'nearby', id: 'x-9', place: '1,2' } },
];

/** Refused, as bytes: what no encoder makes. */
export const BAD_FRAMES: readonly RawFrame[] = [
  { why: 'empty', role: 'driver', encoding: 'msgpack', hex: '' },
  { why: 'empty', role: 'driver', encoding: 'json', hex: '' },
  { why: 'a number', role: 'driver', encoding: 'msgpack', hex: '01' },
  { why: 'an array', role: 'rider', encoding: 'json', hex: text('[]') },
  { why: 'cut short', role: 'rider', encoding: 'json', hex: text('{"t":"snapshot","id":"1"') },
  { why: 'cut short', role: 'driver', encoding: 'msgpack', hex: '82a174a470696e67a1709601' },
  {
    why: 'bytes after the message',
    role: 'rider',
    encoding: 'msgpack',
    hex: '82a174a8736e617073686f74a26964a13100',
  },
  { why: 'an array of 4 billion', role: 'driver', encoding: 'msgpack', hex: 'ddffffffff' },
  { why: 'an extension type', role: 'rider', encoding: 'msgpack', hex: '81a174d6ff00000000' },
  { why: 'text that is not UTF-8', role: 'rider', encoding: 'msgpack', hex: '81a174a1ff' },
  { why: 'text that is not UTF-8', role: 'rider', encoding: 'json', hex: '7b2274223a22ff227d' },
  { why: 'a key that is a number', role: 'rider', encoding: 'msgpack', hex: '810101' },
  { why: 'nested 20 deep', role: 'rider', encoding: 'msgpack', hex: `${'91'.repeat(20)}01` },
  { why: 'nested 20 deep', role: 'rider', encoding: 'json', hex: text('['.repeat(20) + ']'.repeat(20)) },
  {
    why: 'NaN as a latitude',
    role: 'driver',
    encoding: 'msgpack',
    hex: '82a174a470696e67a1709601cb7ff800000000000002c0c0c0',
  },
];

/** Taken, though no encoder of ours writes them so. */
export const LENIENT_FRAMES: readonly RawFrame[] = [
  {
    why: 'unknown fields are ignored',
    role: 'rider',
    encoding: 'json',
    hex: text('{"new":{"a":[1]},"t":"snapshot","id":"1"}'),
  },
  {
    why: 'keys in any order, white space',
    role: 'driver',
    encoding: 'json',
    hex: text(' {"p" : [1, 2, 3, null, null, null], "t": "ping"}\n'),
  },
  {
    why: 'keys in any order',
    role: 'driver',
    encoding: 'msgpack',
    hex: '82a17096010203c0c0c0a174a470696e67',
  },
  {
    why: 'time as uint64, places as float32, accuracy as int16',
    role: 'driver',
    encoding: 'msgpack',
    hex: '82a174a470696e67a17096cf0000019b76da7800ca42173333cac2f4d70ad10008c0c0',
  },
  {
    why: 'lengths in their longer forms',
    role: 'rider',
    encoding: 'msgpack',
    hex: 'de0002d90174d908736e617073686f74da00026964db0000000131',
  },
];
