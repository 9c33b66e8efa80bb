import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { type PeerName, PEERS } from '../peers/peer-servers.ts';
import { atMost, type Figures } from '../suite/figures.ts';
import type { Goal, Row, RowRun } from '../suite/row.ts';
import { type AskingRounds, OffersBench, type OffersTrial, type PingFlood } from './offers-trial.ts';
import { type OffersTarget, startEngineTarget, startPeerTarget } from './offers-target.ts';

/** The demo’s, to 3 ms, and the shortest that a market file may ask for. */
const TICK_MS = 20;
const TICK_MS_DEFAULT = DEFAULT_MARKET.match.tickMs;
/** The issue’s: what all but the wait for the tick may take. */
const BESIDE_TICK_MS_MAX = 25;
const FULL: AskingRounds = {
  warmUp: { requestsPerS: 100, requests: 150 },
  timed: { requestsPerS: 75, requests: 300 },
};
const QUICK: AskingRounds = {
  warmUp: { requestsPerS: 100, requests: 200 },
  timed: { requestsPerS: 75, requests: 225 },
};
/** A minute and a half each. */
const REPEATS_MAX = 2;

/**
 * One process, on a CPU with PostgreSQL, Redis and the timed drivers, comes to some 33,000 writes a second: the 50,000 pings come four at a time, as from apps that send what they
 * have gathered. To whatever server is asked.
 */
const FLOODS: readonly [PingFlood, PingFlood, PingFlood] = [
  { pingsPerS: 1_000, sockets: 1_000, framesPerWrite: 1 },
  { pingsPerS: 10_000, sockets: 1_000, framesPerWrite: 1 },
  { pingsPerS: 50_000, sockets: 4_000, framesPerWrite: 4 },
];
const HIGHEST = FLOODS[2];
/** Beyond what any of them can take in one process: some 60 µs a ping. */
const PEER_FLOODS = FLOODS.slice(0, 2);
const PEER_NAMES = ['socketio', 'ws', 'django'] as const;
const PEER_NAMES_QUICK = ['socketio'] as const;

const METRIC = { p99: 'request to offer, p99', p50: 'request to offer, p50' } as const;

const onOf = ({ pingsPerS, framesPerWrite }: PingFlood): string =>
  `${pingsPerS.toLocaleString('en')} pings/s${framesPerWrite > 1 ? ` in writes of ${framesPerWrite} frames` : ''}`;
const ON_DEFAULT_TICK = `${onOf(HIGHEST)}, ticks of ${TICK_MS_DEFAULT} ms`;

/** One server, started for this, through some floods. */
interface Turn {
  readonly start: (run: RowRun) => Promise<OffersTarget>;
  readonly floods: readonly PingFlood[];
  readonly on: (flood: PingFlood) => string;
}

const engineTurn: Turn = {
  start: ({ clock }) => startEngineTarget(clock, TICK_MS),
  floods: FLOODS,
  on: onOf,
};
const defaultTickTurn: Turn = {
  start: ({ clock }) => startEngineTarget(clock, null),
  floods: [HIGHEST],
  on: () => ON_DEFAULT_TICK,
};
const peerTurn = (name: PeerName): Turn => ({
  start: ({ clock }) => startPeerTarget(name, clock),
  floods: PEER_FLOODS,
  on: onOf,
});

/** Request → offer as clients see it, while pings come in. */
export const offersRow: Row = {
  name: 'offers',
  title: 'from the write of a ride request to the driver’s receipt of the offer, under pings',

  async measure(run) {
    const turns = await turnsOf(run);
    const repeats = run.isQuick ? 1 : Math.min(run.repeats, REPEATS_MAX);
    const tooMuch = new Set<string>();
    const failures: Error[] = [];
    for (let repeat = 1; repeat <= repeats; repeat++) {
      for (let i = 0; i < turns.length; i++) {
        const turn = turns[(i + repeat - 1) % turns.length]!;
        await measureTurn(run, repeat, turn, tooMuch).catch((error: Error) => failures.push(error));
      }
      // The others of this repeat were measured all the same.
      if (failures.length > 0) throw failures[0]!;
    }
  },

  goals(figures) {
    const onHighest = onOf(HIGHEST);
    const goals = [goalOf(figures, onHighest, TICK_MS)];
    // Not part of a quick run.
    const hasDefault = figures.samples.some(({ on }) => on === ON_DEFAULT_TICK);
    return hasDefault ? [...goals, goalOf(figures, ON_DEFAULT_TICK, TICK_MS_DEFAULT)] : goals;
  },
};

function goalOf(figures: Figures, on: string, tickMs: number): Goal {
  const name = `request to offer at ${onOf(HIGHEST)}, p99, with ticks of ${tickMs} ms`;
  return atMost(name, tickMs + BESIDE_TICK_MS_MAX, figures.median('hexdispatch', on, METRIC.p99), 'ms');
}

async function turnsOf(run: RowRun): Promise<Turn[]> {
  const turns: Turn[] = run.isQuick ? [{ ...engineTurn, floods: [HIGHEST] }] : [engineTurn, defaultTickTurn];
  for (const name of run.isQuick ? PEER_NAMES_QUICK : PEER_NAMES) {
    const why = await PEERS[name].isInstalled();
    if (why !== null) run.skip(PEERS[name].subject, why);
    else turns.push(run.isQuick ? { ...peerTurn(name), floods: [FLOODS[0]] } : peerTurn(name));
  }
  return turns;
}

/** `tooMuch`: what was too much for somebody in an earlier repeat, and is not tried again. */
async function measureTurn(run: RowRun, repeat: number, turn: Turn, tooMuch: Set<string>): Promise<void> {
  const { start, floods, on } = turn;
  const rounds = run.isQuick ? QUICK : FULL;
  const target = await start(run);
  try {
    const bench = await OffersBench.open(target, run.seed, run.clock);
    try {
      for (const flood of floods) {
        const what = `${target.subject} at ${on(flood)}`;
        if (tooMuch.has(what)) break;
        run.say(`repeat ${repeat}: ${what}`);
        const trial = await bench.run(flood, rounds);
        if (told(run, repeat, target.subject, on(flood), trial)) continue;
        tooMuch.add(what);
        break;
      }
    } finally {
      await bench.stop();
    }
  } finally {
    await target.stop();
  }
}

/** Whether there was something to record. */
function told(run: RowRun, repeat: number, subject: string, on: string, trial: OffersTrial): boolean {
  const { p50Ms, p99Ms, own, serverCores, asking, isSustained } = trial;
  if (trial.shortfall !== null || !isSustained) {
    const behind = `it fell behind: ${trial.behind} pings not dealt with (${trial.dropped} of them dropped), ${asking.unasked} requests with no rider free to ask, p99 ${p99Ms.toFixed(0)} ms`;
    run.skip(`${subject} at ${on}`, trial.shortfall ?? behind);
    return false;
  }
  const record = (metric: string, unit: string, value: number | null | undefined): void => {
    if (value !== null && value !== undefined) run.record({ subject, on, metric, unit, value, repeat });
  };
  record(METRIC.p50, 'ms', p50Ms);
  record(METRIC.p99, 'ms', p99Ms);
  record('stored request to offer, p99, by the server itself', 'ms', own?.p99Ms);
  record('tick, p99', 'ms', own?.tickP99Ms);
  record('server CPU', 'CPUs', serverCores);
  record('latest ping of the load', 'ms', trial.loadLateMs);
  record('requests offered', '%', (100 * asking.offered) / asking.asked);
  return true;
}
