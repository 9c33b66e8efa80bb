import { expect } from 'vitest';
import { readConfig } from '../../src/config.ts';
import type { MarketId } from '../../src/domain/ids.ts';
import type { Market, MatchPolicy } from '../../src/domain/market.ts';
import type { Place } from '../../src/domain/place.ts';
import type { Role } from '../../src/domain/role.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import { type Clock, createWallClock } from '../../src/lib/clock.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import type { Offer } from '../../src/domain/offer.ts';
import type { TripEvent } from '../../src/domain/trip.ts';
import type { Explanation } from '../../src/matching/explanation.ts';
import { until } from '../../src/private-processes.ts';
import type { Problem } from '../../src/rest/problem.ts';
import { startNode, type RunningNode } from '../../src/node.ts';
import type { Encoding } from '../../src/protocol/codec.ts';
import type { OfferView, TripView } from '../../src/protocol/messages.ts';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import type { FreshDatabase } from '../stores.ts';
import { App, type LeftOff } from './app.ts';
import { MovedClock } from './moved-clock.ts';
import { PERSONAL } from '../personal-secrets.ts';

export const SECRET = 'a secret of these tests, long enough to be one';
const wall = createWallClock();

/** Somewhere in San Francisco; metres north and east of it are `at`'s. */
export const CENTRE: Place = { lat: 37.7749, lng: -122.4194 };
const METRES_PER_DEGREE = 111_195;

/** A place `northM` metres north and `eastM` metres east of the centre. */
export function at(northM: number, eastM = 0): Place {
  const lat = CENTRE.lat + northM / METRES_PER_DEGREE;
  const shrink = Math.cos((CENTRE.lat * Math.PI) / 180);
  return { lat, lng: CENTRE.lng + eastM / (METRES_PER_DEGREE * shrink) };
}

/** What riders here ask for unless a test says otherwise: 3 km north. */
export const RIDE = { pickup: at(0), dropoff: at(3_000), vehicleClass: 'economy', seats: 2 } as const;

export const tokenFor = (role: Role, subject: string): Promise<string> =>
  issueToken({
    ...{ secret: Buffer.from(SECRET), role, subject, ttlS: 3_600, wallNowMs: wall.nowMs() },
  });

/** Looks again and again until `probe` answers something; rejects with `what` after 15 s. */
export const soon = <T>(what: string, probe: () => Promise<T | null>): Promise<T> =>
  until({ clock: wall, what, timeoutMs: 15_000, everyMs: 20 }, probe);

export interface CityOptions {
  readonly database: FreshDatabase;
  /** Another way to it. */
  readonly databaseUrl?: string;
  readonly redisUrl: string;
  readonly match?: Partial<MatchPolicy>;
  readonly noShowMs?: number;
  readonly market?: Partial<Market>;
  /** With it accounts are kept here: people sign in, and drivers are to be approved. */
  readonly codeOutboxDir?: string;
  /** Further settings of the server, as flags. */
  readonly flags?: readonly string[];
}

export interface HttpAnswer<B> {
  readonly status: number;
  readonly body: B;
}

/** What explain tells: as much of it as is looked at here. */
export interface Explained {
  readonly decisions: readonly { readonly body: Explanation }[];
  readonly offers: readonly Offer[];
  readonly events: readonly TripEvent[];
}

export interface HttpCall {
  readonly role?: Role;
  readonly id?: string;
  /** Instead of one that is made for role and id. */
  readonly token?: string;
  readonly body?: unknown;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which server, in the order they were started. */
  readonly replica?: number;
}

export interface ConnectOptions {
  readonly encoding?: Encoding;
  readonly resume?: LeftOff;
  readonly replica?: number;
}

let cities = 0;

/** A city with a server, wherever that runs; accounts of one city are not those of another. */
export abstract class ServedCity {
  abstract readonly clock: Clock;
  readonly tag = `c${(cities += 1)}`;
  protected readonly database: FreshDatabase;
  private readonly apps: App[] = [];

  constructor(database: FreshDatabase) {
    this.database = database;
  }

  protected abstract stopServers(): Promise<void>;

  /** Of a server, `http://…`, by the order they were started. */
  abstract urlOf(replica: number): string;

  /** The first server's. */
  get url(): string {
    return this.urlOf(0);
  }

  /** The account's id: names are the tests', ids differ between cities. */
  id(name: string): string {
    return `${this.tag}-${name}`;
  }

  async connect(
    role: 'driver' | 'rider',
    name: string,
    { encoding = 'msgpack', resume, replica = 0 }: ConnectOptions = {},
  ) {
    const token = await tokenFor(role, this.id(name));
    const connected = await App.connect({
      ...{ url: this.urlOf(replica), token, name, encoding, clock: this.clock },
      ...(resume === undefined ? {} : { resume }),
    });
    this.apps.push(connected.app);
    return connected;
  }

  /** A driver's app, on duty at `place`. */
  async driver(name: string, place: Place, options: ConnectOptions & { seats?: number } = {}): Promise<App> {
    const { app } = await this.connect('driver', name, options);
    await app.done({ t: 'online', vehicleClass: 'economy', seats: options.seats ?? 4 });
    app.ping(place);
    return app;
  }

  async rider(name: string, options: ConnectOptions = {}): Promise<App> {
    return (await this.connect('rider', name, options)).app;
  }

  /** One HTTP request, signed in as `role` and `id` where they are given. */
  async http<B = Problem>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    call: HttpCall = {},
  ): Promise<HttpAnswer<B>> {
    const headers: Record<string, string> = { ...call.headers };
    if (call.token !== undefined) headers['authorization'] = `Bearer ${call.token}`;
    else if (call.role !== undefined)
      headers['authorization'] ??= `Bearer ${await tokenFor(call.role, this.id(call.id ?? call.role))}`;
    if (call.key !== undefined) headers['idempotency-key'] = call.key;
    if (call.body !== undefined) headers['content-type'] ??= 'application/json';
    const body = typeof call.body === 'string' ? call.body : JSON.stringify(call.body);
    const response = await fetch(`${this.urlOf(call.replica ?? 0)}${path}`, {
      ...{ method, headers },
      ...(call.body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: (isJson ? JSON.parse(text) : text) as B };
  }

  /** Why the trip went as it did, with at least `decisionsMin` choices: their reasons are stored after the offer is told. */
  explain(tripId: string, decisionsMin = 1): Promise<Explained> {
    return soon(`explanation of ${decisionsMin} choices`, async () => {
      const path = `/v1/admin/trips/${tripId}/explain`;
      const { status, body } = await this.http<Explained>('GET', path, { role: 'admin' });
      expect(status).toBe(200);
      return body.decisions.length < decisionsMin ? null : body;
    });
  }

  dropApps(): Promise<unknown> {
    return Promise.all(this.apps.splice(0).map((app) => app.drop()));
  }

  /** Every app is dropped, every server drained. */
  async stop(): Promise<void> {
    await this.dropApps();
    await this.stopServers();
  }

  /** Stops all, then holds the database against the rules. */
  async close(): Promise<void> {
    await this.stop();
    const { violations, checked } = await auditTrips(this.database.sql);
    expect(violations).toEqual([]);
    expect(checked.trips).toBeGreaterThan(0);
  }
}

/**
 * A real server in this process, on real stores and sockets, in a market of its own: trips of other tests in the same database
 * are not seen by it. Time goes by the wall and can be put on.
 */
export class City extends ServedCity {
  override readonly clock = new MovedClock();
  readonly market: Market;
  private readonly options: CityOptions;
  private nodes: RunningNode[] = [];

  private constructor(options: CityOptions) {
    super(options.database);
    this.options = options;
    this.market = {
      ...DEFAULT_MARKET,
      marketId: `test-${this.tag}` as MarketId,
      match: { ...DEFAULT_MARKET.match, tickMs: 40, windowMsMax: 0, ...options.match },
      noShowMs: options.noShowMs ?? DEFAULT_MARKET.noShowMs,
      ...options.market,
    };
  }

  static async open(options: CityOptions): Promise<City> {
    const city = new City(options);
    await city.start();
    return city;
  }

  /** Starts a server on the city's stores; a second one beside the first, where there is one. */
  async start(): Promise<number> {
    const { database, databaseUrl = database.url, redisUrl, flags = [] } = this.options;
    const node = await startNode({
      config: readConfig({}, ['--port', '0', '--redis-prefix', this.tag, ...flags]),
      ...{ markets: [this.market], clock: this.clock, authSecrets: [SECRET], log: SILENT_LOG },
      ...PERSONAL,
      ...{ databaseUrl, redisUrl, codeOutboxDir: this.options.codeOutboxDir ?? null },
    });
    this.nodes.push(node);
    return node.port;
  }

  /** Drops every app's line, ends the servers in good order and starts one anew on the same stores. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  override urlOf(replica: number): string {
    return `http://127.0.0.1:${this.nodes[replica]!.port}`;
  }

  /** Drains one server, while the others go on; the apps connected to it lose their lines. */
  async stopServer(replica: number): Promise<void> {
    await this.nodes.splice(replica, 1)[0]!.stop();
  }

  protected override async stopServers(): Promise<void> {
    await Promise.all(this.nodes.splice(0).map((node) => node.stop()));
  }
}

/** Asks for a ride; answers the stored trip as the rider sees it. */
export async function ask(rider: App, ride: object = RIDE, key?: string): Promise<TripView> {
  return (await rider.done({ t: 'request', ...ride }, key)).trip!;
}

export async function offerTo(driver: App): Promise<OfferView> {
  return (await driver.wait('offer')).offer;
}

/** A ride asked for and accepted by `driver`. */
export async function matched(rider: App, driver: App): Promise<TripView> {
  const { pin, tripId } = await ask(rider);
  const offer = await offerTo(driver);
  expect(offer.tripId).toBe(tripId);
  await driver.done({ t: 'accept', offerId: offer.offerId });
  const trip = await rider.trip('to_pickup');
  expect(trip.pin).toBe(pin);
  return trip;
}

/** A matched ride with the rider aboard. */
export async function aboard(rider: App, driver: App): Promise<TripView> {
  const { tripId, pin } = await matched(rider, driver);
  await driver.done({ t: 'arrived', tripId });
  await driver.done({ t: 'start', tripId, pin });
  return rider.trip('on_trip');
}
