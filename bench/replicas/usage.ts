import { readFile } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import { grown, readSamples, type Samples } from '../../src/sim/demo/server-figures.ts';

/** Linux tells CPU times in ticks of 1/100 s to programs, on every machine of today (USER_HZ). */
const US_PER_TICK = 10_000;

/** CPU time of a process since its start, all threads, user and system; what the operating system has counted. */
async function cpuUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  // The name before may hold spaces and brackets. Fields 14 and 15 of proc(5) are utime and stime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
}

/** What is measured of all servers at one moment. */
interface Reading {
  readonly atMs: number;
  readonly serverUs: readonly number[];
  readonly redisUs: number;
  readonly samples: readonly Samples[];
  readonly published: number;
  readonly redisBytesIn: number;
  readonly redisBytesOut: number;
}

/** What was used between two readings. */
export interface Usage {
  readonly wallS: number;
  /** By server. */
  readonly serverUs: readonly number[];
  readonly redisUs: number;
  /** Pings that moved a driver, by server. */
  readonly pings: readonly number[];
  /** Pings that came to nothing: refused by the filter, above a rate, shed, or of a driver not on duty. */
  readonly pingsLost: number;
  /** Messages published through Redis, and all its traffic. */
  readonly published: number;
  readonly redisBytesIn: number;
  readonly redisBytesOut: number;
}

export interface Watched {
  readonly serverUrls: readonly string[];
  readonly serverPids: readonly number[];
  readonly redisPid: number;
  readonly redis: Redis;
}

/** Reads all that there is to read. The metrics are read first and cost the servers a millisecond or two, once a reading. */
export async function read(watched: Watched): Promise<Reading> {
  const samples = await Promise.all(watched.serverUrls.map(scrape));
  const info = await watched.redis.info('everything');
  const serverUs = await Promise.all(watched.serverPids.map(cpuUs));
  return {
    ...{ atMs: performance.now(), samples, serverUs },
    redisUs: await cpuUs(watched.redisPid),
    published: figure(info, /cmdstat_s?publish:calls=(\d+)/),
    redisBytesIn: figure(info, /total_net_input_bytes:(\d+)/),
    redisBytesOut: figure(info, /total_net_output_bytes:(\d+)/),
  };
}

export function usedBetween(from: Reading, to: Reading): Usage {
  const sum = (name: string): number =>
    to.samples.reduce((all, samples, i) => all + (grown(from.samples[i]!, samples, name) ?? 0), 0);
  const pings = to.samples.map((samples, i) => okPings(samples) - okPings(from.samples[i]!));
  const inAll = pings.reduce((all, one) => all + one, 0);
  return {
    wallS: (to.atMs - from.atMs) / 1_000,
    serverUs: to.serverUs.map((us, i) => us - from.serverUs[i]!),
    redisUs: to.redisUs - from.redisUs,
    pings,
    pingsLost:
      sum('hexdispatch_pings_total') -
      inAll +
      sum('hexdispatch_fixes_dropped_total') +
      sum('hexdispatch_pings_shed_total'),
    published: to.published - from.published,
    redisBytesIn: to.redisBytesIn - from.redisBytesIn,
    redisBytesOut: to.redisBytesOut - from.redisBytesOut,
  };
}

/** Pings that moved a driver, of all servers and since they began. */
export const pingsTaken = ({ samples }: Reading): number =>
  samples.reduce((all, one) => all + okPings(one), 0);

function okPings(samples: Samples): number {
  const ok = samples.get('hexdispatch_pings_total')?.find(({ labels }) => labels['outcome'] === 'ok');
  if (ok === undefined) throw new Error('the server does not count its pings');
  return ok.value;
}

const figure = (info: string, pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);

async function scrape(serverUrl: string): Promise<Samples> {
  const answer = await fetch(`${serverUrl}/metrics`);
  if (!answer.ok) throw new Error(`the server's metrics answer ${answer.status}`);
  return readSamples(await answer.text());
}
