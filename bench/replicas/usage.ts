import type { Redis } from 'ioredis';
import { grown, readSamples, type Samples } from '../../src/sim/demo/server-figures.ts';
import { cpuUsOf } from '../suite/process-usage.ts';

/** What is measured of all servers at one moment. */
interface Reading {
  readonly atMs: number;
  readonly serverUs: readonly number[];
  readonly redisUs: number;
  readonly samples: readonly Samples[];
  readonly published: number;
  readonly redisBytes: number;
}

/** What was used between two readings. */
export interface Usage {
  readonly wallS: number;
  /** CPU, user and system, by server. */
  readonly serverUs: readonly number[];
  readonly redisUs: number;
  /** Pings that moved a driver, at all servers. */
  readonly pings: number;
  /** Messages published through Redis, and all that went to and from it. */
  readonly published: number;
  readonly redisBytes: number;
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
  const serverUs = await Promise.all(watched.serverPids.map(cpuUsOf));
  return {
    ...{ atMs: performance.now(), samples, serverUs },
    redisUs: await cpuUsOf(watched.redisPid),
    published: figure(info, /cmdstat_s?publish:calls=(\d+)/),
    redisBytes: figure(info, /total_net_input_bytes:(\d+)/) + figure(info, /total_net_output_bytes:(\d+)/),
  };
}

/** Rejects when a ping came to nothing: refused by the filter, above a rate, shed, or of a driver not on duty. */
export function usedBetween(from: Reading, to: Reading): Usage {
  const counted = (name: string): number =>
    to.samples.reduce((all, samples, i) => all + (grown(from.samples[i]!, samples, name) ?? 0), 0);
  const pings = pingsTaken(to) - pingsTaken(from);
  const lost =
    counted('hexdispatch_pings_total') -
    pings +
    counted('hexdispatch_fixes_dropped_total') +
    counted('hexdispatch_pings_shed_total');
  if (lost !== 0) throw new Error(`the servers have lost ${lost} of ${pings + lost} pings`);
  return {
    wallS: (to.atMs - from.atMs) / 1_000,
    serverUs: to.serverUs.map((us, i) => us - from.serverUs[i]!),
    redisUs: to.redisUs - from.redisUs,
    pings,
    published: to.published - from.published,
    redisBytes: to.redisBytes - from.redisBytes,
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
