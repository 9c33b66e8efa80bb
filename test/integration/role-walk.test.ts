import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountVault } from '../../src/accounts/account-vault.ts';
import type { Phone } from '../../src/domain/phone.ts';
import { reachOf } from '../../src/domain/permission.ts';
import { OPERATOR_ROLES, ROLES, type Role } from '../../src/domain/role.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { randomUuidV7 } from '../../src/lib/entropy.ts';
import { encode } from '../../src/protocol/codec.ts';
import { operation, type OperationId, OPERATIONS } from '../../src/protocol/rest.ts';
import { DRIVER_PERMISSIONS, mayCommand, RIDER_PERMISSIONS } from '../../src/protocol/socket-permissions.ts';
import { PostgresAccountStore } from '../../src/store/account-store-postgres.ts';
import { PostgresSessionStore } from '../../src/store/session-store-postgres.ts';
import { PERSONAL } from '../personal-secrets.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import type { Command } from './app.ts';
import { ask, at, City, RIDE, tokenFor } from './city.ts';

/** What is asked of one operation: its path's parameters, query and body. */
interface Asked {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
}
/** An operation's row: about something of the account's own and of another's; `plain` where there is no such thing. */
type Row =
  | { readonly plain: Asked }
  | { readonly own: Asked | ((role: Role | null) => Asked); readonly foreign: Asked }
  /** Says `unauthorized` itself, of what is in the body. */
  | { readonly signsIn: Asked };

const database = await freshDatabase();
const redis = await freshRedis();
const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-codes-'));
let city: City;
let trips: { own: string; foreign: string };
let rows: Readonly<Record<OperationId, Row>>;

/** Two pairs, each with a trip under way, two calls for help; drivers far away are matched by hand alone. */
beforeAll(async () => {
  city = await City.open({ database, redisUrl: redis.url, codeOutboxDir: dir });
  const victim = await account('rider', 'victim', PHONE);
  const own = await trip('me', at(0));
  const foreign = await trip('other', at(0, 3_000));
  const of = (asked: Asked = {}): Row => ({
    own: { ...asked, params: { tripId: own } },
    foreign: { ...asked, params: { tripId: foreign } },
  });
  const shared = await trip('third', at(0, -3_000));
  const share = await city.http<{ token: string }>('PUT', `/v1/trips/${shared}/share`, {
    ...{ role: 'rider', id: 'third-rider' },
  });
  const call = { role: 'rider', id: 'me-rider', key: 'sos', body: { tripId: null, place: null } } as const;
  const { sosId } = (await city.http<{ sosId: string }>('POST', '/v1/sos', call)).body;
  trips = { own, foreign };
  const place = `?lat=${RIDE.pickup.lat}&lng=${RIDE.pickup.lng}`;
  const sessions = new PostgresSessionStore(database.sql);
  const session = async (subject: string, role: Role): Promise<string> => {
    const sessionId = randomUuidV7(0);
    const atMs = createWallClock().nowMs();
    const times = { createdMs: atMs, seenMs: atMs, rotatedMs: atMs, expiresMs: atMs + 60_000 };
    const owner = { role, subject: city.id(subject), device: 'd', address: '::1', salt: Buffer.alloc(16) };
    await sessions.open({ sessionId, ...owner, ...times }, 20);
    return sessionId;
  };
  const ownSessions = new Map<Role | null, string>();
  for (const role of ROLES) ownSessions.set(role, await session(`me-${role}`, role));
  const foreignSession = await session('victim', 'rider');
  // On a trip, and so not to be erased.
  const personal: Row = {
    own: (role) => ({ params: { accountId: city.id(role === 'driver' ? 'me-driver' : 'me-rider') } }),
    foreign: { params: { accountId: city.id('other-rider') } },
  };
  const person: Asked = { params: { kind: 'rider', accountId: victim } };
  const asAdmin = { role: 'admin', id: 'me-admin' } as const;
  const invite = { email: 'walker@example.com', role: 'support' };
  const invited = await city.http<{ operator: { operatorId: string } }>('POST', '/v1/admin/operators', {
    ...{ ...asAdmin, body: invite },
  });
  const operator = { params: { operatorId: invited.body.operator.operatorId } };
  const wish = { role: 'support', name: 'the walk', days: 1 };
  const made = await city.http<{ key: { keyId: string } }>('POST', '/v1/admin/keys', {
    ...asAdmin,
    body: wish,
  });
  rows = {
    operatorSignIn: { signsIn: { body: { email: 'nobody@example.com', password: 'x', totp: '000000' } } },
    setOperatorCredentials: { signsIn: { body: { token: 'none', password: 'x' } } },
    operators: { plain: {} },
    inviteOperator: { plain: { body: invite } },
    changeOperator: { plain: { ...operator, body: { role: 'operations' } } },
    renewOperatorLink: { plain: operator },
    serviceKeys: { plain: {} },
    makeServiceKey: { plain: { body: wish } },
    endServiceKey: { plain: { params: { keyId: made.body.key.keyId } } },
    auditLog: { plain: {} },
    searchTrips: { plain: {} },
    requestCode: { plain: { body: { phone: '+14155550177', kind: 'rider' } } },
    signIn: { signsIn: { body: { phone: PHONE, kind: 'rider', code: '123456', device: 'd' } } },
    refresh: { signsIn: { body: { refreshToken: 'none' } } },
    sessions: { plain: {} },
    endSession: {
      own: (role) => ({ params: { sessionId: ownSessions.get(role) ?? foreignSession } }),
      foreign: { params: { sessionId: foreignSession } },
    },
    account: { plain: {} },
    changeAccount: { plain: { body: { name: 'Ann' } } },
    submitCar: { plain: { body: CAR } },
    people: { plain: { params: { kind: 'rider' } } },
    findPerson: { plain: { params: { kind: 'rider' }, body: { phone: PHONE } } },
    person: { plain: person },
    suspendPerson: { plain: person },
    reinstatePerson: { plain: person },
    applications: { plain: {} },
    reviewDriver: {
      plain: { params: { accountId: city.id('me-driver') }, body: { decision: 'approve', reason: null } },
    },
    exportAccount: personal,
    eraseAccount: personal,
    requestTrip: { plain: { body: RIDE } },
    trip: of(),
    tripFare: of(),
    cancelTrip: of({ body: { reason: 'the walk' } }),
    quote: { plain: { body: RIDE } },
    connect: { plain: { query: place } },
    nearby: { plain: { query: place } },
    explainTrip: of(),
    assignTrip: of({ body: { driverId: city.id('me-driver') } }),
    rateTrip: of({ body: { stars: 5, tags: [] } }),
    ownRating: { plain: {} },
    shareTrip: of(),
    unshareTrip: of(),
    track: { plain: { params: { token: share.body.token } } },
    raiseSos: {
      own: { body: { tripId: own, place: null } },
      foreign: { body: { tripId: foreign, place: null } },
    },
    sosCalls: { plain: {} },
    driverSuspicions: { plain: { params: { driverId: city.id('me-driver') } } },
    liftSuspicions: { plain: { params: { driverId: city.id('me-driver') } } },
    handleSos: { plain: { params: { sosId }, body: { note: null } } },
  };
});
afterAll(async () => {
  await city.close();
  rmSync(dir, { recursive: true });
});

async function trip(name: string, pickup: { lat: number; lng: number }): Promise<string> {
  await account('driver', `${name}-driver`);
  await account('rider', `${name}-rider`);
  const driver = await city.driver(`${name}-driver`, pickup);
  const { tripId } = await ask(await city.rider(`${name}-rider`), { ...RIDE, pickup });
  const { offerId } = (await driver.wait('offer')).offer;
  await driver.done({ t: 'accept', offerId });
  return tripId;
}

const CAR = {
  vehicleClass: 'economy',
  seats: 4,
  model: 'Toyota Prius',
  colour: 'white',
  plate: '7ABC123',
} as const;
const PHONE = '+14155550100';
let phones = 0;

/** An account of this id; a driver is approved. */
async function account(
  kind: 'rider' | 'driver',
  name: string,
  phone = `+1415555${String(110 + (phones += 1)).padStart(4, '0')}`,
): Promise<string> {
  const [store, vault] = [
    new PostgresAccountStore(database.sql),
    new AccountVault(PERSONAL.keeper, PERSONAL.lookupSecret),
  ];
  const accountId = city.id(name);
  const sealed = await vault.sealPhone(accountId, phone as Phone);
  const createdMs = createWallClock().nowMs();
  const made = await store.accountFor({
    accountId,
    kind,
    phoneIndex: vault.phoneIndex(phone as Phone),
    ...sealed,
    createdMs,
  });
  if (kind === 'rider') return accountId;
  const plateSealed = await vault.seal(made.account, 'plate', CAR.plate);
  await store.submit({ driverId: accountId, ...CAR, plateSealed, changedMs: createdMs });
  await store.review(
    accountId,
    { review: 'approve', reason: null },
    { actor: null, address: null, atMs: createdMs },
  );
  return accountId;
}

let keys = 0;
async function knock(
  id: OperationId,
  role: Role | null,
  { params = {}, query = '', body }: Asked,
): Promise<number> {
  const { method, path, idempotent } = operation(id);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name]!);
  const { status } = await city.http(method.toUpperCase() as 'GET', `${filled}${query}`, {
    ...(role === null ? {} : { role, id: `me-${role}` }),
    ...(idempotent !== undefined ? { key: `walk-${(keys += 1)}` } : {}),
    ...(body === undefined ? {} : { body }),
  });
  return status;
}
/** What came of the authorisation, whatever became of the request after it. */
function outcomeOf(status: number): 'refused' | 'not_found' | 'let_in' {
  if (status === 401 || status === 403) return 'refused';
  expect(status).toBeLessThan(500);
  return status === 404 ? 'not_found' : 'let_in';
}

/** What ends the trips is asked last. */
const LAST: readonly OperationId[] = ['unshareTrip', 'cancelTrip', 'submitCar', 'reviewDriver'];
const IDS = (Object.keys(OPERATIONS) as OperationId[]).sort((a, b) => LAST.indexOf(a) - LAST.indexOf(b));

describe('every route, with every role', () => {
  it.each(IDS)('%s lets in who has its permission, to what is theirs', async (id) => {
    const { permission } = operation(id);
    const row = rows[id];
    expect(row, 'every route has a row here').toBeDefined();
    for (const role of [null, ...ROLES]) {
      const reach = permission === null ? 'any' : role === null ? null : reachOf(role, permission);
      const seen: Record<string, string> = {};
      for (const [whose, asked] of Object.entries<Asked | ((role: Role | null) => Asked)>(row)) {
        const status = await knock(id, role, typeof asked === 'function' ? asked(role) : asked);
        seen[whose] = whose === 'signsIn' && status === 401 ? 'let_in' : outcomeOf(status);
      }
      const own = reach === null ? 'refused' : 'let_in';
      const foreign = reach === 'own' ? 'not_found' : own;
      expect({ role, ...seen }).toEqual({
        role,
        ...('own' in row ? { own, foreign } : { ['plain' in row ? 'plain' : 'signsIn']: own }),
      });
    }
  });
});

/** What each command of a socket is sent with, about another's trip or offer where it is about one. */
const foreignOffer = '00000000-0000-7000-8000-000000000000';
const commandOf = (t: string): Command => {
  switch (t) {
    case 'ping':
      return { t, p: [city.clock.nowMs(), 37.77, -122.41, 5, 8, 0] };
    case 'pings':
      return { t, p: [[city.clock.nowMs(), 37.77, -122.41, 5, 8, 0]] };
    case 'online':
      return { t, vehicleClass: 'economy', seats: 4 };
    case 'accept':
    case 'decline':
      return { t, offerId: foreignOffer };
    case 'start':
      return { t, tripId: trips.foreign, pin: '0000' };
    case 'cancel':
      return { t, tripId: trips.foreign, reason: 'the walk' };
    case 'quote':
    case 'request':
      return { t, ...RIDE };
    case 'nearby':
      return { t, place: RIDE.pickup };
    default:
      return { t, tripId: trips.foreign };
  }
};
const TABLES = { driver: DRIVER_PERMISSIONS, rider: RIDER_PERMISSIONS } as const;
const TYPES = [...new Set(Object.values(TABLES).flatMap((table) => Object.keys(table)))];
/** Not answered: the test is that nothing is refused. */
const SILENT = ['ping', 'pings'];
const ABOUT_A_TRIP = ['arrived', 'start', 'complete', 'no_show', 'cancel', 'get_trip'];

describe('every command of a socket, with every role', () => {
  it.each(['driver', 'rider'] as const)(
    'of a %s is taken where its table says so, and reaches nobody else’s',
    async (role) => {
      await account(role, `walker-${role}`);
      const { app } = await city.connect(role, `walker-${role}`);
      for (const t of TYPES) {
        const isTheirs = t in TABLES[role] && mayCommand(role, t);
        if (SILENT.includes(t) && isTheirs) {
          app.raw(Buffer.from(encode(commandOf(t), 'msgpack')));
          continue;
        }
        const answer = await app.ask(commandOf(t));
        const code = answer.t === 'error' ? answer.code : 'ok';
        if (!isTheirs) expect([t, code]).toEqual([t, 'forbidden']);
        else if (ABOUT_A_TRIP.includes(t)) expect([t, code]).toEqual([t, 'not_found']);
        else if (t === 'accept' || t === 'decline') expect(['offer_gone', 'not_found']).toContain(code);
        else expect(['ok', 'rider_busy', 'wrong_state']).toContain(code);
      }
      await app.done({ t: 'snapshot' });
    },
  );

  it.each(OPERATOR_ROLES)('of a %s is none: they have no socket', async (role) => {
    expect(reachOf(role, 'socket.open')).toBeNull();
    const authorization = `Bearer ${await tokenFor(role, 'walker')}`;
    const socket = new WebSocket(`${city.url.replace('http', 'ws')}/v1/socket`, {
      headers: { authorization },
    });
    const status = await new Promise((resolve, reject) => {
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.on('open', () => reject(new Error('an operator came in')));
      // What ws says once the upgrade is refused and the socket ended below.
      socket.on('error', () => undefined);
    });
    socket.terminate();
    expect(status).toBe(403);
  });
});
