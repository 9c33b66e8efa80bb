import { type Prng } from '../../lib/prng.ts';
import type { GatewayDoor } from '../virtual/gateway-door.ts';
import type { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

const DOWN_MS_MAX = 5_000;
/** Zones overlap for a moment, by leases: shorter than the silence after which a server would send its drivers home. */
const OVERLAP_MS_MAX = 25_000;
/** A supervisor starts again what could not start. */
const START_AGAIN_MS = 1_000;

/**
 * Runs the server and what happens to it: killed at any moment and started anew on the same stores, thought dead and still
 * matching for a while beside its successor (R7), its claims' store emptied (R12).
 */
export class Mishaps {
  /** Kills and starts of the server, the first start apart. */
  restarts = 0;
  private readonly world: World;
  private readonly prng: Prng;
  private server: ServerProcess | null = null;
  /** Deposed servers that do not know it yet: nobody is connected to them. */
  private readonly ghosts = new Set<ServerProcess>();

  constructor(world: World, prng: Prng) {
    this.world = world;
    this.prng = prng;
  }

  get door(): GatewayDoor | null {
    return this.server?.door ?? null;
  }

  /** The server that clients reach; null while it is down or starting. */
  get serving(): ServerProcess | null {
    return this.door === null ? null : this.server;
  }

  get running(): ServerProcess[] {
    return this.server === null ? [...this.ghosts] : [this.server, ...this.ghosts];
  }

  begin(): void {
    const { restartEveryMs, claimsLostEveryMs, overlapEveryMs } = this.world.plan.mishaps;
    this.startServer();
    this.repeat(restartEveryMs, () => this.restart());
    this.repeat(claimsLostEveryMs, () => {
      this.world.log.note(this.world.clock.nowMs(), null, 'claims emptied');
      this.world.emptyClaims();
    });
    this.repeat(overlapEveryMs, () => this.overlap());
  }

  /** No more mishaps; what is down comes up. */
  stop(): void {
    for (const ghost of this.ghosts) this.lay(ghost);
  }

  private restart(): void {
    const { world } = this;
    this.restarts += 1;
    world.log.note(world.clock.nowMs(), null, 'server killed');
    this.server?.kill();
    this.server = null;
    world.network.serverDied();
    world.clock.after(this.prng.int(DOWN_MS_MAX), () => this.startServer());
  }

  private startServer(): void {
    const { world } = this;
    if (this.server !== null) return;
    const server = world.newProcess();
    this.server = server;
    server.start().then(
      () => world.log.note(world.clock.nowMs(), null, 'server up'),
      (error: unknown) => {
        if (!(error instanceof Error && 'code' in error)) world.broken(error, 'start');
        server.kill();
        if (this.server !== server) return;
        this.server = null;
        world.clock.after(START_AGAIN_MS, () => this.startServer());
      },
    );
  }

  /** The present server becomes a ghost: its clients are gone, it goes on matching with the places it last heard. */
  private overlap(): void {
    const { world } = this;
    const ghost = this.serving;
    if (ghost === null) return;
    this.restarts += 1;
    world.log.note(world.clock.nowMs(), null, 'server deposed, matches on');
    this.ghosts.add(ghost);
    this.server = null;
    world.network.serverDied();
    world.clock.after(this.prng.int(OVERLAP_MS_MAX), () => this.lay(ghost));
    this.startServer();
  }

  private lay(ghost: ServerProcess): void {
    if (!this.ghosts.delete(ghost)) return;
    ghost.kill();
    this.world.log.note(this.world.clock.nowMs(), null, 'deposed server gone');
  }

  private repeat(meanMs: number, happen: () => void): void {
    if (meanMs === Infinity) return;
    this.world.clock.after(this.prng.exponential(meanMs), () => {
      if (!this.world.faults.isOn) return;
      happen();
      this.repeat(meanMs, happen);
    });
  }
}
