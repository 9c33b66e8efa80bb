import { CLOSE } from './close-codes.ts';
import { SUBPROTOCOLS } from './codec.ts';
import { type Json, type JsonObject, SchemaComponents } from './contract-schemas.ts';
import { DRIVER_MESSAGES, RIDER_MESSAGES, SERVER_MESSAGES } from './messages.ts';
import { REJECTIONS } from '../domain/rejection.ts';

const CHANNEL = '#/channels/socket';

/** Types that only one role is sent; the others go to both. */
const TO_DRIVERS_ONLY = ['offer', 'offer_closed', 'duty', 'move'];
const TO_RIDERS_ONLY = ['driver_at'];

/** The socket's half of the contract as an AsyncAPI 3.0 document; the same on every run. */
export function asyncApi(version: string): JsonObject {
  const schemas = new SchemaComponents();
  const messages: JsonObject = {};
  // `cancel` and `snapshot` have the same shape for both roles.
  const all = { ...DRIVER_MESSAGES, ...RIDER_MESSAGES, ...SERVER_MESSAGES };
  for (const [t, schema] of Object.entries(all)) {
    const description = (schema as { description?: string }).description ?? '';
    messages[t] = { name: t, summary: description, payload: schemas.body(schema) };
  }
  const names = Object.keys(messages);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'hexdispatch socket',
      version,
      description: 'Driver and rider apps over one WebSocket each. Unknown fields are ignored by both sides.',
    },
    defaultContentType: 'application/msgpack',
    channels: {
      socket: {
        address: '/v1/socket',
        description: `Subprotocols: ${Object.values(SUBPROTOCOLS).join(' (binary frames, default), ')} (text frames).`,
        messages: refsByName(names),
        bindings: { ws: upgradeBinding() },
      },
    },
    operations: {
      driverSends: operation('receive', 'what a driver app may send', Object.keys(DRIVER_MESSAGES)),
      riderSends: operation('receive', 'what a rider app may send', Object.keys(RIDER_MESSAGES)),
      driverIsSent: operation('send', 'what a driver app is sent', sentWithout(TO_RIDERS_ONLY)),
      riderIsSent: operation('send', 'what a rider app is sent', sentWithout(TO_DRIVERS_ONLY)),
    },
    components: { messages, schemas: schemas.components },
    'x-close-codes': closeCodes(),
    'x-error-codes': REJECTIONS,
  };
}

const sentWithout = (types: readonly string[]): string[] =>
  Object.keys(SERVER_MESSAGES).filter((t) => !types.includes(t));

function refsByName(names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

function operation(action: 'send' | 'receive', summary: string, types: readonly string[]): JsonObject {
  return {
    action,
    summary,
    channel: { $ref: CHANNEL },
    messages: types.map((t) => ({ $ref: `${CHANNEL}/messages/${t}` })),
  };
}

/** What the request for a socket carries. */
function upgradeBinding(): JsonObject {
  return {
    method: 'GET',
    query: {
      type: 'object',
      properties: {
        token: { type: 'string', description: 'the token, where a header cannot be set (browsers)' },
        zone: {
          type: 'string',
          description: 'as GET /v1/connect or `move` named it; for load balancers, not read here',
        },
        epoch: { type: 'string', description: 'resume: the epoch of the last welcome' },
        seq: { type: 'integer', minimum: 0, description: 'resume: the last number seen in that epoch' },
      },
    },
    headers: {
      type: 'object',
      properties: {
        Authorization: { type: 'string', pattern: '^Bearer ' },
        'Sec-WebSocket-Protocol': { type: 'string', enum: Object.values(SUBPROTOCOLS) },
      },
    },
    bindingVersion: '0.1.0',
  };
}

function closeCodes(): JsonObject {
  const ranges: Json = [
    { from: 4000, to: 4099, then: 'reconnect_now' },
    { from: 4100, to: 4199, then: 'reconnect_later' },
    { from: 4200, to: 4299, then: 'stop' },
  ];
  return { ranges, otherwise: 'reconnect_later', codes: CLOSE };
}
