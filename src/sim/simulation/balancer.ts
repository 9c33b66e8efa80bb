import type { Prng } from '../../lib/prng.ts';
import type { Doorway, Machines } from '../virtual/network.ts';
import type { Machine } from './machine.ts';

/**
 * The load balancer in front of the machines. It knows nothing of what they do: an app keeps its machine while that answers, most of
 * the time, and is sent to another when it did not.
 */
export class Balancer implements Machines {
  private readonly machines: readonly Machine[];
  private readonly wanders: number;
  private readonly prng: Prng;

  /** `wanders`: how often an app is sent elsewhere though its machine answered. */
  constructor(machines: readonly Machine[], wanders: number, prng: Prng) {
    this.machines = machines;
    this.wanders = wanders;
    this.prng = prng;
  }

  get count(): number {
    return this.machines.length;
  }

  choose(last: { readonly machine: number; readonly wasRefused: boolean } | null): number {
    const count = this.machines.length;
    if (count === 1) return 0;
    if (last === null) return this.prng.int(count);
    if (!last.wasRefused && !this.prng.chance(this.wanders)) return last.machine;
    return (last.machine + 1 + this.prng.int(count - 1)) % count;
  }

  at(machine: number): Doorway | null {
    return this.machines[machine]!.doorway;
  }
}
