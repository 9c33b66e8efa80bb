import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { REJECTIONS } from '../../src/domain/rejection.ts';
import { afterClose, CLOSE } from '../../src/protocol/close-codes.ts';
import {
  decodeDriverMessage,
  decodeRiderMessage,
  decodeServerMessage,
  encode,
  type Encoding,
} from '../../src/protocol/codec.ts';
import { checkContract, contractFiles, writeContract } from '../../src/protocol/contract.ts';
import { DRIVER_MESSAGES, RIDER_MESSAGES, SERVER_MESSAGES } from '../../src/protocol/messages.ts';
import { OPERATIONS, STATUS_OF } from '../../src/protocol/rest.ts';

const PROTO = new URL('../../proto', import.meta.url).pathname;
const fileOf = (name: string): unknown => JSON.parse(readFileSync(join(PROTO, name), 'utf8'));

interface Golden {
  message: { t: string };
  json: string;
  msgpack: string;
}
interface Accepted {
  role: 'driver' | 'rider';
  encoding: Encoding;
  hex: string;
  message: object;
}
interface Refused extends Accepted {
  why: string;
  error: { id: string | null; code: string };
}
interface AsyncApi {
  channels: { socket: { messages: Record<string, unknown> } };
  operations: Record<string, { messages: { $ref: string }[] }>;
  components: { messages: Record<string, { payload: object }>; schemas: Record<string, object> };
}
interface OpenApi {
  paths: Record<string, Record<string, { operationId: string; responses: object }>>;
  components: { schemas: Record<string, object> };
}

const DECODE = { driver: decodeDriverMessage, rider: decodeRiderMessage, server: decodeServerMessage };
const TABLES = { driver: DRIVER_MESSAGES, rider: RIDER_MESSAGES, server: SERVER_MESSAGES };
const asyncApi = fileOf('asyncapi.json') as AsyncApi;
const openApi = fileOf('openapi.json') as OpenApi;

/** Validators from the published document alone, as a stranger would make them. */
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(asyncApi, 'asyncapi');
const fits = (t: string, message: unknown): boolean => {
  const validate = ajv.getSchema(`asyncapi#/components/messages/${t}/payload`);
  if (validate === undefined) throw new Error(`no schema for ${t}`);
  return validate(message) as boolean;
};

/** Every `$ref` in a document, resolved by hand. */
function unresolved(document: unknown): string[] {
  const missing: string[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const ref = (node as { $ref?: unknown }).$ref;
    if (typeof ref === 'string') {
      let at: unknown = document;
      for (const key of ref.slice(2).split('/')) at = (at as Record<string, unknown> | undefined)?.[key];
      if (at === undefined) missing.push(ref);
    }
    Object.values(node).forEach(walk);
  };
  walk(document);
  return missing;
}

describe('proto/', () => {
  const dir = mkdtempSync(join(tmpdir(), 'contract-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('is what the schemas say', () => {
    expect(checkContract(PROTO)).toEqual([]);
  });

  it('is the same on every run, and drift is named', () => {
    expect([...contractFiles()]).toEqual([...contractFiles()]);
    cpSync(PROTO, dir, { recursive: true });
    writeFileSync(join(dir, 'openapi.json'), '{}');
    rmSync(join(dir, 'vectors/rider.json'));
    writeFileSync(join(dir, 'vectors/old.json'), '[]');
    expect(checkContract(dir).sort()).toEqual([
      'openapi.json is not what the schemas say',
      'vectors/old.json is not part of the contract',
      'vectors/rider.json is missing',
    ]);
    rmSync(join(dir, 'vectors/old.json'));
    writeContract(dir);
    expect(checkContract(dir)).toEqual([]);
  });

  it('refers to nothing that is missing', () => {
    expect(unresolved(asyncApi)).toEqual([]);
    expect(unresolved(openApi)).toEqual([]);
  });
});

describe('asyncapi.json', () => {
  it('lists every message, each for the roles that send it or are sent it', () => {
    const all = Object.values(TABLES).flatMap((table) => Object.keys(table));
    expect(Object.keys(asyncApi.components.messages).sort()).toEqual([...new Set(all)].sort());
    const sent = (operation: string) =>
      asyncApi.operations[operation]!.messages.map(({ $ref }) => $ref.split('/').at(-1));
    expect(sent('driverSends')).toEqual(Object.keys(DRIVER_MESSAGES));
    expect(sent('riderSends')).toEqual(Object.keys(RIDER_MESSAGES));
    expect(new Set([...sent('driverIsSent'), ...sent('riderIsSent')])).toEqual(
      new Set(Object.keys(SERVER_MESSAGES)),
    );
  });
});

describe.each(['driver', 'rider', 'server'] as const)('golden frames of the %s', (role) => {
  const golden = fileOf(`vectors/${role}.json`) as Golden[];

  it('cover every type', () => {
    expect(new Set(golden.map(({ message }) => message.t))).toEqual(new Set(Object.keys(TABLES[role])));
  });

  it('fit the published schemas, decode, and encode to the same bytes', () => {
    for (const { message, json, msgpack } of golden) {
      expect(fits(message.t, message)).toBe(true);
      expect(DECODE[role](Buffer.from(json), 'json')).toEqual({ ok: true, value: message });
      expect(DECODE[role](Buffer.from(msgpack, 'hex'), 'msgpack')).toEqual({ ok: true, value: message });
      expect(encode(message, 'json')).toBe(json);
      expect(Buffer.from(encode(message, 'msgpack') as Uint8Array).toString('hex')).toBe(msgpack);
    }
  });
});

describe('frames at the edges', () => {
  it('accepted ones give the message', () => {
    for (const { role, encoding, hex, message } of fileOf('vectors/accepted.json') as Accepted[]) {
      expect(DECODE[role](Buffer.from(hex, 'hex'), encoding)).toEqual({ ok: true, value: message });
      expect(fits((message as { t: string }).t, message)).toBe(true);
    }
  });

  it('refused ones give the error, and where they are JSON the published schemas refuse them too', () => {
    let byBoth = 0;
    for (const { role, encoding, hex, error, why } of fileOf('vectors/refused.json') as Refused[]) {
      const bytes = Buffer.from(hex, 'hex');
      expect(DECODE[role](bytes, encoding), why).toMatchObject({ ok: false, ...error });
      if (encoding !== 'json' || error.code !== 'bad_message' || !hex.endsWith('7d') || hex.includes('ff'))
        continue;
      const message = JSON.parse(bytes.toString()) as { t?: string };
      if (message.t !== undefined) expect(fits(message.t, message), why).toBe(false);
      byBoth += 1;
    }
    expect(byBoth).toBeGreaterThan(8);
  });
});

describe('openapi.json', () => {
  it('has every operation once, and schemas that compile', () => {
    const ids = Object.values(openApi.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(ids.sort()).toEqual(Object.keys(OPERATIONS).sort());
    const strict = new Ajv2020({ strict: false });
    strict.addSchema(openApi, 'openapi');
    for (const name of Object.keys(openApi.components.schemas)) {
      expect(strict.getSchema(`openapi#/components/schemas/${name}`), name).toBeTypeOf('function');
    }
    const ride = strict.getSchema('openapi#/components/schemas/Ride')!;
    expect(
      ride({ pickup: { lat: 1, lng: 2 }, dropoff: { lat: 1, lng: 2 }, vehicleClass: 'xl', seats: 1 }),
    ).toBe(true);
    expect(ride({ pickup: { lat: 1 }, dropoff: { lat: 1, lng: 2 }, vehicleClass: 'xl', seats: 1 })).toBe(
      false,
    );
  });

  it('names a refusal for every status that a rejection of a trip may have', () => {
    const responses = openApi.paths['/v1/trips']!.post!.responses;
    const statuses = Object.keys(responses).map(Number);
    for (const code of [
      'bad_message',
      'unauthorized',
      'forbidden',
      'rider_busy',
      'key_reused',
      'unavailable',
    ] as const) {
      expect(statuses).toContain(STATUS_OF[code]);
    }
    expect(Object.keys(STATUS_OF).sort()).toEqual(Object.keys(REJECTIONS).sort());
  });
});

describe('close codes', () => {
  it('are unique and lie in the range of what their name means', () => {
    const codes = Object.values(CLOSE).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(afterClose(CLOSE.going_away.code)).toBe('reconnect_now');
    expect(afterClose(CLOSE.slow_reader.code)).toBe('reconnect_later');
    expect(afterClose(CLOSE.replaced.code)).toBe('stop');
    expect(afterClose(1006)).toBe('reconnect_later');
    expect(afterClose(4299)).toBe('stop');
    expect(afterClose(4300)).toBe('reconnect_later');
  });
});
