import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { type Callers, headersOf } from '../http/callers.ts';
import { HttpLoad } from '../http/http-load.ts';
import { PEERS } from '../peers/peer-servers.ts';
import { type ServerUnderTest, startBenchStores, startEngineServer } from '../suite/engine-server.ts';
import { cpuUsOf } from '../suite/process-usage.ts';
import type { Goal, Row, RowRun } from '../suite/row.ts';

const ENGINE = 'hexdispatch';
const CALLERS = { lists: 32, callersAList: 128 };
const WARM_UP_ANSWERS = 10_000;
const QUICK = ['GET', 'GET livez', 'GET a trip'];
const { south, west, north, east } = DEFAULT_MARKET.bounds;
const PICKUP = { lat: (south + north) / 2, lng: (west + east) / 2 };
/** Of a number that nobody has asked a code for: as most guesses are. */
const GUESS = { phone: '+14155550199', kind: 'rider', code: '000000', device: 'bench' };
const RIDE = { pickup: PICKUP, dropoff: { ...PICKUP, lat: north }, vehicleClass: 'economy', seats: 1 };

/**
 * What the layer of REST costs where nothing is searched for: whether it lives, whether it is ready (which asks PostgreSQL), where to connect, one trip and an account's sessions from the
 * store, a sign-in with a wrong code (counted over all replicas in Redis, looked up and audited in PostgreSQL), and a scrape of the metrics; beside a bare uWebSockets.js GET with the same heads. Load as in row `nearby`.
 */
export const doorsRow: Row = {
  name: 'doors',
  title: 'Probes, connect, a trip, sessions, a sign-in and the metrics over REST, beside a bare GET',
  measure,
  goals: (): Goal[] => [],
};

interface Door {
  readonly subject: string;
  readonly on: string;
  readonly server: ServerUnderTest;
  readonly path: string;
  /** Whose lists are asked from. */
  readonly load: HttpLoad;
  /** Of the right answer; 200 by default. */
  readonly status?: number;
}

async function measure(run: RowRun): Promise<void> {
  const stops: (() => Promise<void>)[] = [];
  try {
    const all = await open(run, stops);
    const doors = run.isQuick ? all.filter(({ on }) => QUICK.includes(on)) : all;
    for (let repeat = 1; repeat <= run.repeats; repeat++) {
      for (let n = 0; n < doors.length; n++) await ask(run, doors[(n + repeat) % doors.length]!, repeat);
      await scrape(run, doors.find(({ subject }) => subject === ENGINE)!.server, repeat);
    }
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Starts servers and load; `stops` gets what ends them, also of those that were started before another failed. */
async function open(run: RowRun, stops: (() => Promise<void>)[]): Promise<Door[]> {
  const { clock } = run;
  const stores = await startBenchStores();
  stops.push(() => stores.stop());
  const server = await startEngineServer(stores, clock, {
    ...{ TRUST_FORWARDED_FOR: 'yes', ACCOUNTS: 'own' },
  });
  stops.push(() => server.stop());
  const bare = await PEERS.bare.start({ redisUrl: stores.redisUrl!, clock });
  stops.push(() => bare.stop());
  const callers = { ...CALLERS, wallNowMs: clock.nowMs() };
  const riders = await startLoad(run, { ...callers, role: 'rider' }, stops);
  const operators = await startLoad(run, { ...callers, role: 'admin' }, stops);
  const guessers = await startLoad(run, { ...callers, role: 'rider' }, stops, GUESS);
  const tripId = await requestTrip(server, callers);
  const { lat, lng } = PICKUP;
  const ours = { subject: ENGINE, server };
  return [
    { subject: PEERS.bare.subject, on: 'GET', server: bare, path: '/healthz', load: riders },
    { ...ours, on: 'GET livez', path: '/livez', load: riders },
    { ...ours, on: 'GET readyz', path: '/readyz', load: riders },
    { ...ours, on: 'GET connect', path: `/v1/connect?lat=${lat}&lng=${lng}`, load: riders },
    { ...ours, on: 'GET sessions', path: '/v1/sessions', load: riders },
    { ...ours, on: 'a sign-in with a wrong code', path: '/v1/sign-in', load: guessers, status: 401 },
    { ...ours, on: 'GET a trip', path: `/v1/trips/${tripId}`, load: operators },
  ];
}

async function startLoad(
  run: RowRun,
  callers: Callers,
  stops: (() => Promise<void>)[],
  body: object | null = null,
): Promise<HttpLoad> {
  const lists = await headersOf(callers);
  const post = { method: 'POST', body: JSON.stringify(body) } as const;
  const requests = lists.map((list) =>
    list.map((headers) =>
      body === null
        ? { path: '', headers }
        : { path: '', headers: { ...headers, 'content-type': 'application/json' }, ...post },
    ),
  );
  const load = await HttpLoad.start(requests, run.clock);
  stops.push(() => load.stop());
  return load;
}

async function requestTrip({ url }: ServerUnderTest, callers: Omit<Callers, 'role'>): Promise<string> {
  const [[rider]] = (await headersOf({ ...callers, role: 'rider', lists: 1, callersAList: 1 })) as [[object]];
  const headers = { ...rider, 'idempotency-key': 'doors', 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/trips`, { method: 'POST', headers, body: JSON.stringify(RIDE) });
  if (answer.status !== 201) throw new Error(`a ride request is answered ${answer.status}`);
  return ((await answer.json()) as { tripId: string }).tripId;
}

async function ask(
  run: RowRun,
  { subject, on, server, path, load, status = 200 }: Door,
  repeat: number,
): Promise<void> {
  const { answers, seconds, serverUs, clientUs } = await load.measure({
    ...{ url: server.url, path, status, serverPid: server.pid, warmUpAnswers: WARM_UP_ANSWERS },
    ...(run.isQuick ? { warmUpMsMax: 500, measureMs: 400 } : { warmUpMsMax: 2_000, measureMs: 2_000 }),
  });
  const record = (metric: string, unit: string, value: number): void =>
    run.record({ subject, on, metric, unit, value, repeat });
  record('requests per second', '/s', answers / seconds);
  record('server CPU per request', 'µs', serverUs / answers);
  record('load generator', 'CPUs', clientUs / seconds / 1e6);
  run.say(`${on}: ${subject} ${(answers / seconds).toFixed(0)}/s`);
}

/** One after the other: that is how Prometheus asks. */
async function scrape(run: RowRun, { url, pid }: ServerUnderTest, repeat: number): Promise<void> {
  const scrapes = run.isQuick ? 50 : 200;
  let bytes = 0;
  const beforeUs = await cpuUsOf(pid);
  for (let n = 0; n < scrapes; n++) {
    const answer = await fetch(`${url}/metrics`);
    if (answer.status !== 200) throw new Error(`metrics are answered ${answer.status}`);
    bytes = (await answer.text()).length;
  }
  const perScrapeUs = ((await cpuUsOf(pid)) - beforeUs) / scrapes;
  const record = (metric: string, unit: string, value: number): void =>
    run.record({ subject: ENGINE, on: 'a scrape of the metrics', metric, unit, value, repeat });
  record('server CPU per request', 'µs', perScrapeUs);
  record('answer', 'bytes', bytes);
}
