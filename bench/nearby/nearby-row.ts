import type { AutocannonRequest } from 'autocannon';
import type { Place } from '../../src/domain/place.ts';
import { HttpLoad, type HttpAnswers } from '../http/http-load.ts';
import { atLeast, atMost, type Figures } from '../suite/figures.ts';
import type { Goal, Row, RowRun } from '../suite/row.ts';
import { searchInProcess } from './in-process.ts';
import { type NearbyServer, NearbyServers } from './nearby-servers.ts';
import type { Searcher } from './search-process.ts';
import { askedPlaces, assertNearest, driverPlaces, nearbyRequests } from './town.ts';

const ENGINE = 'hexdispatch';
const BARE = 'bare uWebSockets.js';
const PER_S = 'requests per second';
const CPU = 'server CPU per request';
const P99 = 'p99';
/** Twenty drivers as the engine tells them. */
const BODY_BYTES = 1_740;
/** Connections; each asks on behalf of so many riders, who then ask less than ten times a second each. */
const LISTS = 64;
const RIDERS_A_LIST = 64;
const CHECKED = 10;
const WARM_UP_ANSWERS = 20_000;
/** Judged at this number of drivers. */
const REST_DRIVERS = 10_000;
const IN_PROCESS_DRIVERS = 100_000;

const SEARCHERS: readonly { subject: string; searcher: Searcher; searches: number }[] = [
  { subject: ENGINE, searcher: 'hexdispatch', searches: 20_000 },
  { subject: 'kdbush + geokdbush', searcher: 'kdbush', searches: 20_000 },
  { subject: 'Redis GEOSEARCH', searcher: 'redis', searches: 300 },
  { subject: 'PostgreSQL, GiST of points', searcher: 'postgres', searches: 1_000 },
];

const onRest = (drivers: number): string => `over REST, ${drivers.toLocaleString('en')} drivers`;
const inProcess = (drivers: number): string => `in-process, ${drivers.toLocaleString('en')} drivers`;

/**
 * The 20 nearest free drivers, who are all in one town of 31 km by 29 km. Over REST: GETs by autocannon on 64 kept connections, none
 * pipelined, from 4,096 riders with a token and an address each. The engine is the program as anybody starts it; its drivers come by frames of
 * places over the bus, as those of another replica do. Peers search 3 km in a Redis of their own.
 *
 * autocannon needs more CPU for a request than a bare server does (`load generator` tells: at 1.0 it is the limit), so requests per second flatter
 * whoever is slower than the bare server by less than that. What the server itself could do goes by its CPU per request, so the goal is judged by both.
 *
 * In-process: the same search called directly, with the answer's objects made. Redis and PostgreSQL are asked over their sockets, one search
 * at a time. The k-d tree is static: `build` is what it costs to have it again once a driver has moved.
 */
export const nearbyRow: Row = {
  name: 'nearby',
  title: 'The 20 nearest drivers, in-process and over REST, against a bare GET',
  measure,
  goals,
};

async function measure(run: RowRun): Promise<void> {
  const servers = new NearbyServers(run);
  const sizes = run.isQuick
    ? [REST_DRIVERS, IN_PROCESS_DRIVERS]
    : [REST_DRIVERS, IN_PROCESS_DRIVERS, 1_000_000];
  let load: HttpLoad | null = null;
  try {
    await servers.start(BODY_BYTES);
    const riders = { lists: LISTS, callersAList: RIDERS_A_LIST, wallNowMs: run.clock.nowMs() };
    const requests = await nearbyRequests(riders, run.seed);
    load = await HttpLoad.start(requests, run.clock);
    for (const drivers of sizes) {
      const places = driverPlaces(drivers, run.seed);
      const isOverRest = drivers === REST_DRIVERS || !run.isQuick;
      if (isOverRest) {
        await servers.hold(places);
        for (const server of servers.all) await check(server, places, requests, run.seed);
      }
      for (let repeat = 1; repeat <= run.repeats; repeat++) {
        if (isOverRest) await measureRest(run, { servers, load, drivers, repeat });
        await measureInProcess(run, { servers, drivers, repeat });
      }
    }
  } finally {
    await load?.stop();
    await servers.stop();
  }
}

interface Turn {
  readonly servers: NearbyServers;
  readonly drivers: number;
  readonly repeat: number;
}

/** The others take part where it is judged, and once elsewhere: they take long, and do not come near. */
const takesPart = (isOurs: boolean, { drivers, repeat }: Turn): boolean =>
  isOurs || drivers === REST_DRIVERS || repeat === 1;

/** Rejects when a server does not name the same drivers as looking at every one does. */
async function check(
  { subject, server, path, finds }: NearbyServer,
  places: readonly Place[],
  requests: readonly (readonly AutocannonRequest[])[],
  seed: number,
): Promise<void> {
  if (!finds) return;
  const asked = askedPlaces(CHECKED, seed);
  for (const [n, at] of asked.entries()) {
    const { path: query, headers } = requests[0]![n]!;
    const answer = await fetch(server.url + path + query, { headers });
    if (answer.status !== 200) throw new Error(`${subject} answers ${answer.status}`);
    assertNearest(((await answer.json()) as { drivers: Place[] }).drivers, places, at);
  }
}

async function measureRest(run: RowRun, turn: Turn & { readonly load: HttpLoad }): Promise<void> {
  const { servers, load, drivers, repeat } = turn;
  const taking = servers.all.filter(({ subject }) =>
    takesPart(subject === ENGINE || subject.startsWith(BARE), turn),
  );
  for (let n = 0; n < taking.length; n++) {
    const { subject, server, path } = taking[(n + repeat) % taking.length]!;
    const times = run.isQuick
      ? { warmUpMsMax: 1_000, measureMs: 500 }
      : { warmUpMsMax: 2_000, measureMs: 2_000 };
    const countedBefore = subject === ENGINE ? await answersCounted(server.url) : 0;
    const answers = await load.measure({
      url: server.url,
      path,
      status: 200,
      serverPid: server.pid,
      warmUpAnswers: WARM_UP_ANSWERS,
      ...times,
    });
    if (subject === ENGINE) {
      const counted = (await answersCounted(server.url)) - countedBefore;
      // The last answer on each connection may have come when nobody listened any more.
      if (counted < answers.answersInAll || counted > answers.answersInAll + LISTS)
        throw new Error(`${answers.answersInAll} answers came, the server counted ${counted}`);
    }
    const on = onRest(drivers);
    for (const [metric, unit, value] of samplesOf(answers))
      run.record({ subject, on, metric, unit, value, repeat });
    run.say(`${on}: ${subject} ${(answers.answers / answers.seconds).toFixed(0)}/s`);
  }
}

/** Nearby's answers that the engine says it has given. */
async function answersCounted(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/http_responses_total\{operation="nearby",status="200"\} (\d+)/.exec(text)?.[1] ?? 0);
}

function samplesOf({
  answers,
  seconds,
  serverUs,
  clientUs,
  bytesPerAnswer,
}: HttpAnswers): [string, string, number][] {
  return [
    [PER_S, '/s', answers / seconds],
    [CPU, 'µs', serverUs / answers],
    ['server', 'CPUs', serverUs / seconds / 1e6],
    ['load generator', 'CPUs', clientUs / seconds / 1e6],
    ['answer with its head', 'bytes', bytesPerAnswer],
  ];
}

async function measureInProcess(run: RowRun, turn: Turn): Promise<void> {
  if (run.isQuick && turn.drivers !== IN_PROCESS_DRIVERS) return;
  const { servers, drivers, repeat } = turn;
  const { redisUrl, databaseUrl } = servers;
  for (const { subject, searcher, searches } of SEARCHERS) {
    // The others once: they take long, and no goal goes by them.
    if (subject !== ENGINE && repeat > 1) continue;
    // The stores do not hold so many drivers in a quick run.
    if (run.isQuick && (searcher === 'redis' || searcher === 'postgres')) continue;
    const plan = { drivers, seed: run.seed, warmUp: searches, searches };
    const times = await searchInProcess(run, searcher, {
      ...plan,
      redisUrl,
      databaseUrl,
    });
    const on = inProcess(drivers);
    const record = (metric: string, unit: string, value: number): void =>
      run.record({ subject, on, metric, unit, value, repeat });
    record('p50', 'µs', times.p50Us);
    record(P99, 'µs', times.p99Us);
    if (searcher === 'kdbush') record('build', 'ms', times.buildMs);
    run.say(`${on}: ${subject} p50 ${times.p50Us.toFixed(1)} µs, p99 ${times.p99Us.toFixed(1)} µs`);
  }
}

function goals(figures: Figures): Goal[] {
  const on = onRest(REST_DRIVERS);
  const cpu = figures.ratio(BARE, ENGINE, on, CPU);
  return [
    atLeast(
      'nearby over REST, requests per second',
      0.5,
      figures.ratio(ENGINE, BARE, on, PER_S),
      '× bare GET',
    ),
    atLeast('nearby over REST, requests a CPU of the server could answer', 0.5, cpu, '× bare GET'),
    atMost(
      `nearby in-process, ${IN_PROCESS_DRIVERS.toLocaleString('en')} drivers, p99`,
      100,
      figures.median(ENGINE, inProcess(IN_PROCESS_DRIVERS), P99),
      'µs',
    ),
  ];
}
