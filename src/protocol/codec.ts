import { Packr } from 'msgpackr';
import type { Static, TSchema } from 'typebox';
import { type Rejection, rejected, type Result } from '../domain/rejection.ts';
import { readJson } from './json-reader.ts';
import { readMsgpack } from './msgpack-reader.ts';
import {
  COMMAND_ID_PATTERN,
  DRIVER_MESSAGES,
  type DriverMessage,
  RIDER_MESSAGES,
  type RiderMessage,
  SERVER_MESSAGES,
  type ServerMessage,
} from './messages.ts';
import { compileCheck, type SchemaCheck } from './schema-check.ts';

export const ENCODINGS = ['msgpack', 'json'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** The WebSocket subprotocol of each encoding. */
export const SUBPROTOCOLS: Readonly<Record<Encoding, string>> = {
  msgpack: 'hexdispatch.v1.msgpack',
  json: 'hexdispatch.v1.json',
};

/** What was wrong with a frame, and the command's id where one could be read: the error is addressed to it. */
export interface BadFrame extends Rejection {
  readonly id: string | null;
}
export type Decoded<M> = { readonly ok: true; readonly value: M } | BadFrame;

/** A message from the bytes of one frame, checked against its schema, unknown fields removed. Never throws. */
export type Decode<M> = (bytes: Uint8Array, encoding: Encoding) => Decoded<M>;

// Plain MessagePack that any library reads: no records, no extension types, fields that are undefined left out.
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  moreTypes: false,
  skipValues: [undefined],
} as ConstructorParameters<typeof Packr>[0]);

/**
 * One frame's content: bytes for msgpack, text for JSON. The bytes lie in a buffer that the next call may share:
 * send or copy them before. Floats are float64, whole numbers below 2^32 ints, larger ones float64.
 */
export function encode(message: { readonly t: string }, encoding: Encoding): Uint8Array | string {
  return encoding === 'json' ? JSON.stringify(message) : packr.pack(message);
}

/** Bytes of unknown shape to a value, by encoding; only syntax, depth and size are looked at. */
function read(bytes: Uint8Array, encoding: Encoding): Result<unknown> {
  return encoding === 'json' ? readJson(bytes) : readMsgpack(bytes);
}

const commandId = new RegExp(COMMAND_ID_PATTERN, 'u');
const bad = (rejection: Rejection, id: string | null): BadFrame => ({ ...rejection, id });

type Table = Readonly<Record<string, TSchema>>;

/** A decoder for the messages of `table`; types that only `others` know are `forbidden`, any other is `unknown_type`. */
function decoderOf<T extends Table>(table: T, others: Table): Decode<Static<T[keyof T]>> {
  const checks = new Map<string, SchemaCheck<Static<T[keyof T]>>>();
  for (const [t, schema] of Object.entries(table)) {
    checks.set(t, compileCheck(schema) as SchemaCheck<Static<T[keyof T]>>);
  }
  return (bytes, encoding) => {
    const parsed = read(bytes, encoding);
    if (!parsed.ok) return bad(parsed, null);
    const { value } = parsed;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return bad(rejected('bad_message', '/ must be a map'), null);
    const { t, id: rawId } = value as { t?: unknown; id?: unknown };
    const id = typeof rawId === 'string' && commandId.test(rawId) ? rawId : null;
    if (typeof t !== 'string') return bad(rejected('bad_message', '/t must be string'), id);
    const check = checks.get(t);
    if (check === undefined) {
      if (Object.hasOwn(others, t))
        return bad(rejected('forbidden', 'this message is for the other role'), id);
      return bad(rejected('unknown_type'), id);
    }
    const checked = check(value);
    return checked.ok ? checked : bad(checked, id);
  };
}

export const decodeDriverMessage: Decode<DriverMessage> = decoderOf(DRIVER_MESSAGES, RIDER_MESSAGES);
export const decodeRiderMessage: Decode<RiderMessage> = decoderOf(RIDER_MESSAGES, DRIVER_MESSAGES);
/** For clients: apps, the demo, the simulation. */
export const decodeServerMessage: Decode<ServerMessage> = decoderOf(SERVER_MESSAGES, {});
