import type { Prng } from '../../lib/prng.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import type { Machine } from './machine.ts';
import type { Mishaps } from './mishaps.ts';
import type { World } from './world.ts';

const AWAY_MS_MAX = 10_000;
const STARTS_WITHIN_MS = 2_000;
/** Whom a cut link keeps away. */
const CUTS = [['postgres'], ['redis'], ['postgres', 'redis']] as const;

/** What happens to one replica among others, and to the Redis between them. */
export class ClusterMishaps {
  private readonly world: World;
  private readonly mishaps: Mishaps;
  private readonly plan: ClusterPlan;
  private readonly prng: Prng;

  constructor(world: World, mishaps: Mishaps, options: { plan: ClusterPlan; prng: Prng }) {
    this.world = world;
    this.mishaps = mishaps;
    this.plan = options.plan;
    this.prng = options.prng;
  }

  begin(): void {
    const { mishaps, plan, prng, world } = this;
    for (const machine of mishaps.machines) {
      const isLast = machine.number === mishaps.machines.length - 1;
      const startsMs = prng.int(STARTS_WITHIN_MS) + (isLast ? plan.lastJoinsAfterMs : 0);
      world.clock.after(startsMs, () => this.bring(machine));
    }
    mishaps.repeat(plan.pauseEveryMs, () => this.pause());
    mishaps.repeat(plan.cutEveryMs, () => this.cut());
    mishaps.repeat(plan.drainEveryMs, () => this.drain());
    mishaps.repeat(plan.redisOutEveryMs, () => this.loseRedis());
    mishaps.repeat(plan.redisEmptiedEveryMs, () => {
      mishaps.note('Redis emptied');
      world.redis.empty();
    });
  }

  stop(): void {
    const { mishaps, world } = this;
    for (const machine of mishaps.machines) {
      machine.resume(true);
      this.mend(machine);
    }
    world.redis.setOut(false);
    mishaps.note('no more mishaps');
  }

  private pause(): void {
    const machine = this.anyMachine();
    if (machine.awake === null) return;
    machine.pause();
    this.mishaps.note(`machine ${machine.number} stands still`);
    this.world.clock.after(this.prng.int(this.plan.pauseMsMax), () => {
      machine.resume(this.prng.chance(0.5));
      this.mishaps.note(`machine ${machine.number} goes on`);
    });
  }

  private cut(): void {
    const machine = this.anyMachine();
    const stores = CUTS[this.prng.int(CUTS.length)]!;
    const how = this.prng.chance(0.5) ? 'refused' : 'hanging';
    for (const store of stores) machine.links[store].cut(how);
    this.world.redis.relink();
    this.mishaps.note(`machine ${machine.number} cut off from ${stores.join(' and ')} (${how})`);
    this.world.clock.after(this.prng.int(this.plan.cutMsMax), () => this.mend(machine));
  }

  private mend(machine: Machine): void {
    machine.links.postgres.mend();
    machine.links.redis.mend();
    this.world.redis.relink();
    this.mishaps.note(`machine ${machine.number} reaches the stores`);
  }

  private drain(): void {
    const machine = this.anyMachine();
    if (machine.awake === null) return;
    this.mishaps.restarts += 1;
    this.mishaps.note(`machine ${machine.number} is drained`);
    machine.drain(this.prng.fork()).then(
      (isOver) => {
        if (isOver) this.world.clock.after(this.prng.int(AWAY_MS_MAX), () => this.bring(machine));
      },
      (error: unknown) => this.world.broken(error, 'drain'),
    );
  }

  private loseRedis(): void {
    const { world, mishaps, prng, plan } = this;
    mishaps.note('Redis is out of reach');
    world.redis.setOut(true);
    world.clock.after(prng.int(plan.redisOutMsMax), () => {
      world.redis.setOut(false);
      mishaps.note('Redis is back');
    });
  }

  private bring(machine: Machine): void {
    this.mishaps.note(`machine ${machine.number} starts`);
    machine.start();
  }

  private anyMachine(): Machine {
    return this.mishaps.machines[this.prng.int(this.mishaps.machines.length)]!;
  }
}
