import { type PeerName, PEERS } from '../peers/peer-servers.ts';
import { atLeast, atMost, type Figures } from '../suite/figures.ts';
import type { Goal, Row, RowRun, Subject } from '../suite/row.ts';
import { type IdleTarget, startEngineTarget, startPeerTarget } from './idle-target.ts';
import { type IdleFigures, measureIdle } from './idle-trial.ts';
import { measureIndex } from './index-memory.ts';
import { openFilesMax } from './process-limits.ts';

/** The issue's. */
const SOCKETS = 50_000;
const QUICK_SOCKETS = 5_000;
const ABOVE_BARE_BYTES_MAX = 2_048;
const INDEX_BYTES_MAX = 200;
const DRIVERS_MIN = 1_000_000;
/** A socket is an open file; so many are left for all else. */
const OTHER_FILES = 500;
/** Peers weigh so much that fewer tell as much. */
const PEER_SOCKETS = 5_000;
/** Enough for the server's code to be compiled. */
const WARM_UP = 1_500;
/** Memory hardly varies: peers are measured once. */
const REPEATS_MAX = 2;
const IDLE_MS = { full: 10_000, quick: 500 } as const;
const INDEX_SIZES = [10_000, 100_000, 1_000_000] as const;
const LARGEST = INDEX_SIZES[2];
const PEER_NAMES = ['socketio', 'ws', 'django'] as const;
const BARE = PEERS.bare.subject;

const METRIC = {
  connected: 'memory per socket, connected',
  onDuty: 'memory per socket',
  uncollected: 'memory per socket, garbage included',
  connects: 'connections let in',
  duties: 'drivers going on duty',
  idleCpu: 'server CPU with all idle',
  indexBytes: 'index bytes per driver',
  indexDrivers: 'drivers in one index',
} as const;

const onSockets = (sockets: number): string => `${sockets.toLocaleString('en')} idle driver sockets`;
const onDrivers = (drivers: number): string => `${drivers.toLocaleString('en')} drivers`;

interface Turn {
  readonly start: (run: RowRun) => Promise<IdleTarget>;
  readonly sockets: number;
}

/** What an idle driver's socket costs, and a driver in the index. */
export const idleRow: Row = {
  name: 'idle',
  title: 'memory of an idle driver’s socket, on duty, and of a driver in the index',

  async measure(run) {
    const main = await mainTurns(run);
    const peers = await peerTurns(run);
    const repeats = run.isQuick ? 1 : Math.min(run.repeats, REPEATS_MAX);
    for (let repeat = 1; repeat <= repeats; repeat++) {
      const turns = repeat % 2 === 1 ? main : main.toReversed();
      for (const turn of turns) await measureTurn(run, repeat, turn);
      if (repeat === 1) for (const turn of peers) await measureTurn(run, repeat, turn);
    }
    // All at once: memory is the same however busy the machine is.
    const indexes = await Promise.all(INDEX_SIZES.map((drivers) => measureIndex(drivers, run.clock)));
    for (const { drivers, bytes } of indexes) {
      const sample = { subject: 'hexdispatch', on: onDrivers(drivers), repeat: 1 };
      run.record({ ...sample, metric: METRIC.indexBytes, unit: 'bytes', value: bytes / drivers });
      run.record({ ...sample, metric: METRIC.indexDrivers, unit: 'drivers', value: drivers });
    }
  },

  goals: (figures) => [
    atMost('idle driver socket above bare', ABOVE_BARE_BYTES_MAX, aboveBare(figures), 'bytes'),
    ...INDEX_SIZES.map((drivers) => indexGoal(figures, drivers)),
    atLeast(
      'drivers on one process',
      DRIVERS_MIN,
      figures.median('hexdispatch', onDrivers(LARGEST), METRIC.indexDrivers),
      'drivers',
    ),
  ],
};

function indexGoal(figures: Figures, drivers: number): Goal {
  const measured = figures.median('hexdispatch', onDrivers(drivers), METRIC.indexBytes);
  return atMost(`index bytes per driver, ${onDrivers(drivers)}`, INDEX_BYTES_MAX, measured, 'bytes');
}

/** At the number of sockets that both were measured with. */
function aboveBare(figures: Figures): number | null {
  const on = figures.samples.find(({ metric }) => metric === METRIC.onDuty)?.on ?? '';
  const ours = figures.median('hexdispatch', on, METRIC.onDuty);
  const bare = figures.median(BARE, on, METRIC.onDuty);
  return ours === null || bare === null ? null : ours - bare;
}

async function mainTurns(run: RowRun): Promise<Turn[]> {
  const wanted = run.isQuick ? QUICK_SOCKETS : SOCKETS;
  const filesMax = await openFilesMax();
  const sockets = Math.min(wanted, filesMax - OTHER_FILES - WARM_UP);
  if (sockets < wanted)
    run.skip(onSockets(wanted), `a process may open ${filesMax} files here: ${sockets} sockets instead`);
  return [
    { start: ({ clock }) => startPeerTarget('bare', clock), sockets },
    { start: ({ clock }) => startEngineTarget(clock), sockets },
  ];
}

async function peerTurns(run: RowRun): Promise<Turn[]> {
  const installed: PeerName[] = [];
  for (const name of PEER_NAMES) {
    const why = run.isQuick ? 'not part of a quick run' : await PEERS[name].isInstalled();
    if (why === null) installed.push(name);
    else run.skip(PEERS[name].subject, why);
  }
  return installed.map((name) => ({
    start: ({ clock }) => startPeerTarget(name, clock),
    sockets: PEER_SOCKETS,
  }));
}

async function measureTurn(run: RowRun, repeat: number, { start, sockets }: Turn): Promise<void> {
  const { clock, isQuick } = run;
  const target = await start(run);
  try {
    run.say(`${target.subject}: ${onSockets(sockets)}`);
    const idleMs = isQuick ? IDLE_MS.quick : IDLE_MS.full;
    const figures = await measureIdle({ target, sockets, warmUp: WARM_UP, idleMs, clock });
    record(run, figures, { subject: target.subject, on: onSockets(sockets), repeat });
  } finally {
    await target.stop();
  }
}

function record(
  run: RowRun,
  figures: IdleFigures,
  of: { subject: Subject; on: string; repeat: number },
): void {
  const add = (metric: string, unit: string, value: number): void =>
    run.record({ ...of, metric, unit, value });
  add(METRIC.onDuty, 'bytes', figures.onDutyBytes);
  add(METRIC.connected, 'bytes', figures.connectedBytes);
  add(METRIC.uncollected, 'bytes', figures.uncollectedBytes);
  add(METRIC.connects, '/s', figures.connectsPerS);
  // The others have no such thing.
  if (of.subject === 'hexdispatch') add(METRIC.duties, '/s', figures.dutiesPerS);
  add(METRIC.idleCpu, 'µs/s', figures.idleCpuUsPerS);
}
