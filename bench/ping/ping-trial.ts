import type { Redis } from 'ioredis';
import type { Clock } from '../../src/lib/clock.ts';
import { until } from '../../src/private-processes.ts';
import { LoadChild } from '../load/load-child.ts';
import type { LoadPlan } from '../load/load-messages.ts';
import { shortfallOf } from '../load/open-loop.ts';
import { cpuUsOf } from '../suite/process-usage.ts';

/** A server that counts the fixes it has taken. */
export interface PingTarget {
  readonly subject: string;
  readonly port: number;
  readonly pid: number;
  /** Fixes taken since it began; for servers that store each in Redis, stored. */
  counted(): Promise<number>;
  /** It looks into no frame: its counts are of frames. */
  readonly countsFrames: boolean;
  /** Null for one that stands on no Redis. */
  readonly redis: { readonly pid: number; readonly client: Redis } | null;
}

/** How a target is loaded. */
export interface PingLoad extends Omit<LoadPlan, 'speech' | 'port'> {
  /** Null: as fast as it goes (closed loop). */
  readonly writesPerS: number | null;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What was used in the measured time. */
export interface PingUsage {
  readonly fixes: number;
  readonly perS: number;
  readonly serverUsPerPing: number;
  readonly redisUsPerPing: number;
  readonly redisCommandsPerPing: number;
  /** Share of a CPU. */
  readonly serverCores: number;
  readonly loadCores: number;
  /** Why this is not what was to be measured; null when it is, always in a closed loop. */
  readonly shortfall: string | null;
}

const COUNTED_MS_MAX = 30_000;

interface Reading {
  readonly atMs: number;
  readonly fixes: number;
  readonly serverUs: number;
  readonly redisUs: number;
  readonly redisCommands: number;
  readonly loadUs: number;
  readonly sent: number;
}

/** Connects, warms up, measures; rejects unless every fix that was sent has been counted in the end. */
export async function runPingTrial(target: PingTarget, load: PingLoad, clock: Clock): Promise<PingUsage> {
  const { warmUpMs, measureMs, writesPerS, ...plan } = load;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const fixesPerCount = target.countsFrames ? plan.shape.fixesPerFrame : 1;
  const counted = async (): Promise<number> => (await target.counted()) * fixesPerCount;
  const countedBefore = await counted();
  const child = await LoadChild.connect({ ...plan, speech: target.subject, port: target.port }, clock);
  try {
    if (writesPerS === null) child.flood();
    else child.stream(writesPerS);
    await pause(warmUpMs);
    const from = await read({ ...target, counted }, child);
    await pause(measureMs);
    const to = await read({ ...target, counted }, child);
    const { sent, sentBefore } = await child.figures('halt');
    await allCounted({ ...target, counted }, countedBefore + sentBefore + sent, clock);
    return { ...usedBetween(from, to), shortfall: shortfallBetween(from, to, load) };
  } finally {
    await child.stop();
  }
}

/** The counts first: they cost the server a millisecond or so, which is in the measured time once. */
async function read(target: PingTarget, child: LoadChild): Promise<Reading> {
  const fixes = await target.counted();
  const { redis } = target;
  const info = redis === null ? '' : await redis.client.info('stats');
  const loadFigures = await child.figures('report');
  return {
    fixes,
    ...{ atMs: performance.now(), serverUs: await cpuUsOf(target.pid) },
    redisUs: redis === null ? 0 : await cpuUsOf(redis.pid),
    redisCommands: Number(/total_commands_processed:(\d+)/.exec(info)?.[1] ?? 0),
    ...{ loadUs: loadFigures.cpuUs, sent: loadFigures.sent },
  };
}

function usedBetween(from: Reading, to: Reading): Omit<PingUsage, 'shortfall'> {
  const fixes = to.fixes - from.fixes;
  const wallUs = (to.atMs - from.atMs) * 1_000;
  return {
    fixes,
    perS: (fixes * 1e6) / wallUs,
    serverUsPerPing: (to.serverUs - from.serverUs) / fixes,
    redisUsPerPing: (to.redisUs - from.redisUs) / fixes,
    redisCommandsPerPing: (to.redisCommands - from.redisCommands) / fixes,
    serverCores: (to.serverUs - from.serverUs) / wallUs,
    loadCores: (to.loadUs - from.loadUs) / wallUs,
  };
}

function shortfallBetween(from: Reading, to: Reading, { writesPerS, shape }: PingLoad): string | null {
  if (writesPerS === null) return null;
  const sentPerS = ((to.sent - from.sent) * 1_000) / (to.atMs - from.atMs);
  return shortfallOf(sentPerS, writesPerS * shape.framesPerWrite * shape.fixesPerFrame);
}

/** No message is lost without a word. */
async function allCounted(target: PingTarget, sent: number, clock: Clock): Promise<void> {
  let counted = 0;
  const what = `count of ${sent} pings`;
  await until({ clock, what, timeoutMs: COUNTED_MS_MAX, everyMs: 100 }, async () => {
    counted = await target.counted();
    return counted === sent ? true : null;
  }).catch((cause: unknown) => {
    throw new Error(`${target.subject}: ${sent} pings were sent and ${counted} counted`, { cause });
  });
}
