import { type Prng } from '../../lib/prng.ts';
import { ClusterMishaps } from './cluster-mishaps.ts';
import { Machine } from './machine.ts';
import type { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

const DOWN_MS_MAX = 5_000;
/** Zones overlap for a moment, by leases: shorter than the silence after which a server would send its drivers home. */
const OVERLAP_MS_MAX = 25_000;

/**
 * Runs the servers and what happens to them: killed at any moment and started anew on the same stores (R11); a server on its own
 * is now and then thought dead and matches on for a while beside its successor (R7), and its claims' store is emptied (R12).
 * What happens between replicas is told in cluster-mishaps.ts.
 */
export class Mishaps {
  /** Kills, drains and deposals of servers. */
  restarts = 0;
  /** When one of these last began or ended. */
  lastMs: number;
  readonly machines: readonly Machine[];
  private readonly world: World;
  private readonly prng: Prng;
  private readonly cluster: ClusterMishaps | null;
  /** Deposed servers that do not know it yet: nobody is connected to them. */
  private readonly ghosts = new Set<ServerProcess>();

  constructor(world: World, prng: Prng) {
    const { replicas, cluster } = world.plan;
    this.world = world;
    this.prng = prng;
    this.lastMs = world.plan.startMs;
    const skewMs = (): number =>
      cluster === null ? 0 : prng.int(2 * cluster.skewMsMax + 1) - cluster.skewMsMax;
    this.machines = Array.from(
      { length: replicas },
      (_, number) => new Machine(world, { number, skewMs: skewMs() }),
    );
    this.cluster = cluster === null ? null : new ClusterMishaps(world, this, { plan: cluster, prng });
  }

  /** The servers that clients reach and that answer. */
  get awake(): ServerProcess[] {
    return this.machines.flatMap((machine) => machine.awake ?? []);
  }

  get running(): ServerProcess[] {
    return [...this.machines.flatMap((machine) => machine.process ?? []), ...this.ghosts];
  }

  /** Somebody is out of a store's reach. */
  get isSomebodyCut(): boolean {
    const { redis } = this.world;
    return redis.isOut || this.machines.some(({ links }) => !links.postgres.isOpen || !links.redis.isOpen);
  }

  begin(): void {
    const { restartEveryMs, claimsLostEveryMs, overlapEveryMs } = this.world.plan.mishaps;
    if (this.cluster === null) this.machines[0]!.start();
    this.repeat(restartEveryMs, () => this.restart());
    this.repeat(claimsLostEveryMs, () => {
      this.note('claims emptied');
      this.world.redis.empty();
    });
    this.repeat(overlapEveryMs, () => this.overlap());
    this.cluster?.begin();
  }

  /** No more mishaps; what is down comes up. */
  stop(): void {
    for (const ghost of this.ghosts) this.lay(ghost);
    this.cluster?.stop();
  }

  /** Lets something happen again and again, while faults are on. */
  repeat(meanMs: number, happen: () => void): void {
    if (meanMs === Infinity) return;
    this.world.clock.after(this.prng.exponential(meanMs), () => {
      if (!this.world.faults.isOn) return;
      happen();
      this.repeat(meanMs, happen);
    });
  }

  note(text: string): void {
    const { log, clock } = this.world;
    log.note(clock.nowMs(), null, text);
    this.lastMs = clock.nowMs();
  }

  private restart(): void {
    const { machines, prng } = this;
    const machine = machines.length === 1 ? machines[0]! : machines[prng.int(machines.length)]!;
    this.restarts += 1;
    machine.kill();
    this.lastMs = this.world.clock.nowMs();
    this.world.clock.after(prng.int(DOWN_MS_MAX), () => {
      machine.start();
      this.lastMs = this.world.clock.nowMs();
    });
  }

  /** The present server becomes a ghost: its clients are gone, it goes on matching with the places it last heard. */
  private overlap(): void {
    const machine = this.machines[0]!;
    if (machine.serving === null) return;
    this.restarts += 1;
    this.note('server deposed, matches on');
    const ghost = machine.depose()!;
    this.ghosts.add(ghost);
    this.world.clock.after(this.prng.int(OVERLAP_MS_MAX), () => this.lay(ghost));
    machine.start();
  }

  private lay(ghost: ServerProcess): void {
    if (!this.ghosts.delete(ghost)) return;
    ghost.kill();
    this.note('deposed server gone');
  }
}
