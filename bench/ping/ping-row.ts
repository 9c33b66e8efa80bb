import type { PeerName } from '../peers/peer-servers.ts';
import { atLeast, atMost, type Figures } from '../suite/figures.ts';
import type { Goal, Row, RowRun, Sample } from '../suite/row.ts';
import {
  ONE_A_READ,
  ONE_A_SECOND,
  PING_CASES,
  QUICK_PING_CASES,
  type PingCase,
  SIXTEEN_A_READ,
  TEN_A_FRAME,
  TEN_THOUSAND_A_SECOND,
} from './ping-cases.ts';
import { PingTargets } from './ping-targets.ts';
import { type PingTarget, type PingUsage, runPingTrial } from './ping-trial.ts';

const ENGINE = 'hexdispatch';
const BARE = 'bare uWebSockets.js';
const PEERS: readonly PeerName[] = ['bare', 'socketio', 'ws', 'django'];
/** Those that goals are about. */
const QUICK_PEERS: readonly PeerName[] = ['bare', 'socketio', 'django'];
const CPU = 'CPU per ping';
const COMMANDS = 'Redis commands per ping';

/**
 * What a ping costs over its whole path: receive, decode, filters, cell, index, mirror in Redis. `CPU per ping` is that of the server and of Redis. Bare
 * uWebSockets.js gets the same frames and only counts them. The closed loop keeps at most one write of each socket unread, by WebSocket pings that are answered
 * after what came before them; peers, which deal with a frame later than they read it, are asked how many they have stored.
 */
export const pingRow: Row = {
  name: 'ping',
  title: 'A ping over its whole path, against a bare server that only counts frames',
  measure,
  goals,
};

async function measure(run: RowRun): Promise<void> {
  const targets = new PingTargets(run);
  try {
    await targets.startEngine();
    if (run.isQuick) run.skip('ws', 'not part of a quick run');
    for (const peer of run.isQuick ? QUICK_PEERS : PEERS) await targets.startPeer(peer);
    const cases = run.isQuick ? QUICK_PING_CASES : PING_CASES;
    for (let repeat = 1; repeat <= run.repeats; repeat++)
      for (const pingCase of cases) await measureCase(run, targets.all, pingCase, repeat);
  } finally {
    await targets.stop();
  }
}

async function measureCase(
  run: RowRun,
  all: readonly PingTarget[],
  pingCase: PingCase,
  repeat: number,
): Promise<void> {
  const { on, sockets, shape, writesPerS } = pingCase;
  const taking = all.filter(({ subject }) => takesPart(subject, pingCase));
  for (let turn = 0; turn < taking.length; turn++) {
    const target = taking[(turn + repeat) % taking.length]!;
    const load = { sockets, shape, writesPerS, seed: run.seed, ...timesOf(pingCase, run.isQuick) };
    const usage = await runPingTrial(target, load, run.clock);
    const { subject } = target;
    if (usage.shortfall !== null) {
      run.skip(`${subject}, ${on}`, usage.shortfall);
      continue;
    }
    for (const sample of samplesOf(usage)) run.record({ ...sample, subject, on, repeat });
    run.say(`${on}: ${subject} ${(usage.serverUsPerPing + usage.redisUsPerPing).toFixed(2)} µs a ping`);
  }
}

/**
 * An open loop runs longer: so few pings take longer to have the code compiled, and the mirror writes drivers who came at the same time at the same time again, 5 s
 * later (driver-mirror-redis.ts), which is to be in what is measured as often as it happens.
 */
function timesOf({ writesPerS }: PingCase, isQuick: boolean): { warmUpMs: number; measureMs: number } {
  if (writesPerS === null)
    return isQuick ? { warmUpMs: 1_000, measureMs: 1_000 } : { warmUpMs: 3_000, measureMs: 4_000 };
  return isQuick ? { warmUpMs: 1_500, measureMs: 5_000 } : { warmUpMs: 10_000, measureMs: 10_000 };
}

function takesPart(subject: string, { peers }: PingCase): boolean {
  if (subject === ENGINE || (subject === BARE && peers !== 'nobody')) return true;
  return peers === 'all' || (peers === 'javascript' && subject !== 'Django Channels');
}

function samplesOf(usage: PingUsage): Pick<Sample, 'metric' | 'unit' | 'value'>[] {
  return [
    { metric: CPU, unit: 'µs', value: usage.serverUsPerPing + usage.redisUsPerPing },
    { metric: 'of it in Redis', unit: 'µs', value: usage.redisUsPerPing },
    { metric: COMMANDS, unit: '', value: usage.redisCommandsPerPing },
    { metric: 'pings per second', unit: '/s', value: usage.perS },
    { metric: 'server', unit: 'CPUs', value: usage.serverCores },
    { metric: 'load generator', unit: 'CPUs', value: usage.loadCores },
  ];
}

function goals(figures: Figures): Goal[] {
  const toBare = (name: string, limit: number, { on }: PingCase): Goal =>
    atMost(name, limit, figures.ratio(ENGINE, BARE, on, CPU), '× bare');
  const toPeer = (peer: string, limit: number): Goal =>
    atLeast(
      `${peer} to hexdispatch, one frame a read`,
      limit,
      figures.ratio(peer, ENGINE, ONE_A_READ.on, CPU),
      '×',
    );
  return [
    toBare('ping, one frame a read, 1,000 sockets', 1.4, ONE_A_READ),
    toPeer('Django Channels', 30),
    toPeer('Socket.IO', 6),
    toBare('ping, 16 frames a read', 2, SIXTEEN_A_READ),
    atMost('ping, 10 a frame', 1.5, figures.median(ENGINE, TEN_A_FRAME.on, CPU), 'µs'),
    toBare('ping, 5,000 sockets at one a second', 1.5, ONE_A_SECOND),
    atMost('Redis commands per ping at 10,000 pings/s and above', 0.1, mostCommands(figures), ''),
  ];
}

/** Of the cases with 10,000 pings a second or more that were run. */
function mostCommands(figures: Figures): number | null {
  const each = [ONE_A_READ, TEN_THOUSAND_A_SECOND].map(({ on }) => figures.median(ENGINE, on, COMMANDS));
  const known = each.filter((one) => one !== null);
  return known.length === 0 ? null : Math.max(...known);
}
