import { Redis } from 'ioredis';
import { unreachable } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import type { PrivateStores } from '../../private-stores.ts';
import type { FaultyLink, LinkMode } from './faulty-link.ts';
import type { Replica } from './replica.ts';
import type { Fault, ReplicaFault } from './schedule.ts';

/** A replica with the ways it and its clients go. */
export interface Site {
  readonly replica: Replica;
  readonly redis: FaultyLink;
  readonly postgres: FaultyLink;
  readonly clients: FaultyLink;
  /** The replica's own, past the link. */
  readonly port: number;
}

export interface FaultBoxOptions {
  readonly clock: Clock;
  readonly sites: readonly Site[];
  readonly stores: PrivateStores;
}

const CUT: LinkMode = { kind: 'cut' };
const FROZEN: LinkMode = { kind: 'frozen' };
const PASS: LinkMode = { kind: 'pass' };
const STORE_SLOW: LinkMode = { kind: 'slow', delayMs: [50, 1_500] };
const CLIENTS_SLOW: LinkMode = { kind: 'slow', delayMs: [20, 600] };
/** A frozen line comes back as it was, or is found to be broken. */
const BREAKS_EVERY = 2;

/** Does what the schedule says, to real processes and links. */
export class FaultBox {
  private readonly options: FaultBoxOptions;
  private thawed = 0;

  constructor(options: FaultBoxOptions) {
    this.options = options;
  }

  /** One fault from its begin to its end, what has to be started again included. `begun`: as soon as it has begun. */
  async perform(fault: Fault, begun: () => void): Promise<void> {
    if (fault.replica !== null) return this.hit(fault, this.options.sites[fault.replica]!, begun);
    begun();
    const { stores } = this.options;
    switch (fault.kind) {
      case 'redis_flush':
        return this.flushRedis();
      case 'redis_restart':
        return stores.restart('redis', 'crash');
      case 'postgres_restart':
        return stores.restart('postgres', 'orderly');
      case 'postgres_crash':
        return stores.restart('postgres', 'crash');
      default:
        return unreachable(fault);
    }
  }

  private async hit(fault: ReplicaFault, site: Site, begun: () => void): Promise<void> {
    const { replica } = site;
    switch (fault.kind) {
      case 'kill':
      case 'drain': {
        begun();
        await (fault.kind === 'kill' ? replica.kill() : replica.stop());
        await this.pause(fault.forMs);
        return replica.start();
      }
      case 'stop':
        replica.signal('SIGSTOP');
        begun();
        await this.pause(fault.forMs);
        return replica.signal('SIGCONT');
      case 'redis_cut':
        return this.spoil([site.redis], CUT, fault.forMs, begun);
      case 'redis_frozen':
        return this.spoil([site.redis], FROZEN, fault.forMs, begun);
      case 'redis_slow':
        return this.spoil([site.redis], STORE_SLOW, fault.forMs, begun);
      case 'postgres_cut':
        return this.spoil([site.postgres], CUT, fault.forMs, begun);
      case 'postgres_frozen':
        return this.spoil([site.postgres], FROZEN, fault.forMs, begun);
      case 'postgres_slow':
        return this.spoil([site.postgres], STORE_SLOW, fault.forMs, begun);
      case 'stores_cut':
        return this.spoil([site.redis, site.postgres], CUT, fault.forMs, begun);
      case 'clients_cut':
        return this.spoil([site.clients], CUT, fault.forMs, begun);
      case 'clients_slow':
        return this.spoil([site.clients], CLIENTS_SLOW, fault.forMs, begun);
      default:
        return unreachable(fault.kind);
    }
  }

  private async spoil(links: readonly FaultyLink[], mode: LinkMode, forMs: number, begun: () => void) {
    for (const link of links) link.set(mode);
    begun();
    await this.pause(forMs);
    for (const link of links) {
      if (mode.kind === 'frozen' && this.thawed++ % BREAKS_EVERY === 1) link.reset();
      link.set(PASS);
    }
  }

  private async flushRedis(): Promise<void> {
    const redis = new Redis(this.options.stores.redisUrl!, { retryStrategy: () => null });
    redis.on('error', () => undefined);
    try {
      await redis.flushall();
    } finally {
      redis.disconnect();
    }
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.options.clock.after(delayMs, resolve));
  }
}
