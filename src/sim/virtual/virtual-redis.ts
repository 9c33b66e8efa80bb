import type { Beats } from '../../bus/beats.ts';
import { MemoryBeatsHub } from '../../bus/beats-memory.ts';
import type { Bus } from '../../bus/bus.ts';
import { MemoryBusHub, type MemoryBus } from '../../bus/bus-memory.ts';
import type { ReplicaId } from '../../domain/ids.ts';
import type { Claims } from '../../geo/claims.ts';
import { createMemoryClaims } from '../../geo/claims-memory.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Faults } from './faults.ts';
import type { StoreLink, UnreliableCalls } from './unreliable-call.ts';
import type { ProcessClock } from './virtual-clock.ts';

/** One process's connections to Redis. */
export interface RedisLines {
  readonly bus: Bus;
  readonly beats: Beats;
  /** The process is gone, and its connections with it. */
  drop(): void;
}

/** All that a world keeps in Redis, behind one switch: it may be out of reach for everybody, and it may be emptied (R12). */
export class VirtualRedis {
  private readonly clock: Clock;
  private readonly faults: Faults;
  private readonly busHub: MemoryBusHub;
  private readonly beatsHub: MemoryBeatsHub;
  private readonly buses = new Map<MemoryBus, StoreLink>();
  /** When the last message of one sender to one listener on one topic comes: a later one does not overtake it. */
  private readonly lastMs = new Map<string, number>();
  private present: Claims;
  private isDown = false;

  constructor(options: { clock: Clock; faults: Faults; leaseMs: number }) {
    this.clock = options.clock;
    this.faults = options.faults;
    this.present = createMemoryClaims(options.clock);
    this.beatsHub = new MemoryBeatsHub(options.clock, options.leaseMs);
    this.busHub = new MemoryBusHub({ fate: (...way) => this.fate(way.join(' ')) });
  }

  get isOut(): boolean {
    return this.isDown;
  }

  setOut(isOut: boolean): void {
    this.isDown = isOut;
    this.relink();
  }

  /** As they are now: those of before it was emptied are gone. */
  get claims(): Claims {
    return this.present;
  }

  empty(): void {
    this.present = createMemoryClaims(this.clock);
    this.beatsHub.empty();
  }

  /** A process's own lines; `calls` go over the same link. */
  connect(
    replicaId: ReplicaId,
    { link, calls, caller }: { link: StoreLink; calls: UnreliableCalls; caller: ProcessClock },
  ): RedisLines {
    const bus = this.busHub.connect(replicaId, caller.lines);
    this.buses.set(bus, link);
    this.relink();
    const beats = this.beatsHub.connect(replicaId);
    return {
      bus,
      beats: {
        beat: (...args) => calls.call(() => beats.beat(...args)),
        leave: () => calls.call(() => beats.leave()),
      },
      drop: () => {
        this.buses.delete(bus);
        bus.close();
      },
    };
  }

  /** After a link was cut or mended. */
  relink(): void {
    for (const [bus, link] of this.buses) bus.setReachable(link.isOpen && !this.isDown);
  }

  private fate(way: string): number[] {
    const nowMs = this.clock.nowMs();
    const lastMs = this.lastMs.get(way) ?? 0;
    const delaysMs = this.faults.busDelaysMs().map((delayMs) => Math.max(delayMs, lastMs - nowMs));
    if (delaysMs.length > 0) this.lastMs.set(way, nowMs + delaysMs[0]!);
    return delaysMs;
  }
}
