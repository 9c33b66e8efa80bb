import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Clock } from '../../src/lib/clock.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { readSamples, type Samples, total } from '../../src/sim/demo/server-figures.ts';
import { type PeerName, PEERS } from '../peers/peer-servers.ts';
import { type ServerUnderTest, startBenchStores, startEngineServer } from '../suite/engine-server.ts';

/** A server with stores of its own that riders ask for rides. */
export interface OffersTarget extends ServerUnderTest {
  readonly subject: string;
  /** As OffersPlan.server. */
  readonly server: string;
  /** Fixes taken since it began; of peers, stored in Redis. */
  counted(): Promise<number>;
  /** Fixes that it has taken no notice of, and says so. */
  dropped(): Promise<number>;
  /** Its own account of itself; null when it keeps none. */
  samples(): Promise<Samples | null>;
}

/** `tickMs` null: the market as it comes, which ticks every DEFAULT_MARKET.match.tickMs. */
export async function startEngineTarget(clock: Clock, tickMs: number | null): Promise<OffersTarget> {
  const dir = await mkdtemp(path.join(tmpdir(), 'hexdispatch-bench-'));
  const marketFile = path.join(dir, 'market.json');
  const match = { ...DEFAULT_MARKET.match, ...(tickMs === null ? {} : { tickMs }) };
  await writeFile(marketFile, JSON.stringify({ ...DEFAULT_MARKET, match }));
  const stores = await startBenchStores();
  const stopAll = async (server?: ServerUnderTest): Promise<void> => {
    await server?.stop();
    await stores.stop();
    await rm(dir, { recursive: true });
  };
  try {
    const { databaseUrl, redisUrl } = stores;
    const server = await startEngineServer({ databaseUrl, redisUrl }, clock, { MARKET_FILE: marketFile });
    const samples = async (): Promise<Samples> => readSamples(await textOf(`${server.url}/metrics`));
    const okOf = (own: Samples): number => total(own, 'hexdispatch_pings_total', { outcome: 'ok' }) ?? 0;
    const counted = async (): Promise<number> => okOf(await samples());
    const dropped = async (): Promise<number> => {
      const own = await samples();
      const names = ['pings_total', 'pings_shed_total', 'fixes_dropped_total'];
      const all = names.reduce((sum, name) => sum + (total(own, `hexdispatch_${name}`) ?? 0), 0);
      return all - okOf(own);
    };
    const name = 'hexdispatch';
    const stop = (): Promise<void> => stopAll(server);
    return { ...server, subject: name, server: name, counted, dropped, samples, stop };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

export async function startPeerTarget(name: PeerName, clock: Clock): Promise<OffersTarget> {
  const stores = await startBenchStores('redis');
  try {
    const server = await PEERS[name].start({ redisUrl: stores.redisUrl!, clock });
    const counted = async (): Promise<number> =>
      (JSON.parse(await textOf(`${server.url}/stats`)) as { stored: number }).stored;
    const stop = async (): Promise<void> => {
      await server.stop();
      await stores.stop();
    };
    const silent = {
      dropped: (): Promise<number> => Promise.resolve(0),
      samples: (): Promise<null> => Promise.resolve(null),
    };
    return { ...server, ...silent, subject: PEERS[name].subject, server: name, counted, stop };
  } catch (error) {
    await stores.stop();
    throw error;
  }
}

async function textOf(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return answer.text();
}
