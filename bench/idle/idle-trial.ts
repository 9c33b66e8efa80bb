import type { Clock } from '../../src/lib/clock.ts';
import { medianOf } from '../suite/figures.ts';
import { cpuUsOf } from '../suite/process-usage.ts';
import { IdleLoad } from './idle-load.ts';
import type { IdleTarget } from './idle-target.ts';
import { writtenBytesOf } from './process-limits.ts';

export interface IdleTrialOptions {
  readonly target: IdleTarget;
  /** Drivers whose sockets are measured, after `warmUp` others have connected and stayed. */
  readonly sockets: number;
  readonly warmUp: number;
  readonly idleMs: number;
  readonly clock: Clock;
}

/** What idle drivers cost a server. Bytes are per socket, over what the server had with the warm-up's. */
export interface IdleFigures {
  /** Signed in and welcomed, not on duty. */
  readonly connectedBytes: number;
  /** On duty, after one fix: of use, and with the garbage that the server had not collected by itself. */
  readonly onDutyBytes: number;
  readonly uncollectedBytes: number;
  readonly connectsPerS: number;
  readonly dutiesPerS: number;
  /** The server's CPU with all of them idle, µs a second. */
  readonly idleCpuUsPerS: number;
}

/** Freed pages are given back to the system a moment after they are freed. */
const SETTLE_MS = 400;
const READS = 3;
const READ_MS = 50;
const STORED_MS_MAX = 30_000;

/** Rejects when a socket or a fix was lost. */
export async function measureIdle(options: IdleTrialOptions): Promise<IdleFigures> {
  const { target, sockets, warmUp, clock } = options;
  const { subject, port } = target;
  const loads: IdleLoad[] = [];
  const startLoad = async (first: number, count: number): Promise<IdleLoad> => {
    const load = await IdleLoad.start({ subject, port, first, count }, clock);
    loads.push(load);
    return load;
  };
  try {
    const early = await startLoad(0, warmUp);
    const load = await startLoad(warmUp, sockets);
    await early.connect();
    await early.goOnDuty();
    const before = await collectedBytes(target, clock);
    const connectS = await secondsOf(() => load.connect());
    const connected = await collectedBytes(target, clock);
    const dutyS = await secondsOf(() => load.goOnDuty());
    await untilStored(target, warmUp + sockets, clock);
    await wait(clock, SETTLE_MS);
    const uncollected = await steadyBytes(target.pid, clock);
    const onDuty = await collectedBytes(target, clock);
    const idleCpuUsPerS = await idleCpu(target.pid, options.idleMs, clock);
    for (const one of loads) one.check();
    return {
      connectedBytes: (connected - before) / sockets,
      onDutyBytes: (onDuty - before) / sockets,
      uncollectedBytes: (uncollected - before) / sockets,
      connectsPerS: sockets / connectS,
      dutiesPerS: sockets / dutyS,
      idleCpuUsPerS,
    };
  } finally {
    for (const load of loads) await load.stop();
  }
}

const wait = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.after(ms, resolve));

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1_000;
}

async function collectedBytes(target: IdleTarget, clock: Clock): Promise<number> {
  await wait(clock, SETTLE_MS);
  await target.collect();
  await wait(clock, SETTLE_MS);
  return steadyBytes(target.pid, clock);
}

/** Median of some reads. */
async function steadyBytes(pid: number, clock: Clock): Promise<number> {
  const reads: number[] = [];
  for (let read = 0; read < READS; read++) {
    reads.push(await writtenBytesOf(pid));
    await wait(clock, READ_MS);
  }
  return medianOf(reads);
}

/** Peers store a fix after they have read it. */
async function untilStored(target: IdleTarget, fixes: number, clock: Clock): Promise<void> {
  const untilMs = clock.nowMs() + STORED_MS_MAX;
  for (;;) {
    const stored = await target.fixesIn();
    if (stored === fixes) return;
    if (!(stored < fixes) || clock.nowMs() > untilMs)
      throw new Error(`${target.subject} has taken ${stored} fixes of ${fixes}`);
    await wait(clock, READ_MS);
  }
}

async function idleCpu(pid: number, idleMs: number, clock: Clock): Promise<number> {
  const [beganUs, startMs] = [await cpuUsOf(pid), performance.now()];
  await wait(clock, idleMs);
  return ((await cpuUsOf(pid)) - beganUs) / ((performance.now() - startMs) / 1_000);
}
