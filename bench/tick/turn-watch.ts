import type { TurnTime } from './tick-case.ts';

/** Turns that took less CPU time had nothing to do: the loop only went round. */
const IDLE_CPU_MS_MAX = 0.2;

/**
 * How long the turns of this process's event loop are: from one call of `setImmediate` to the next. Not `monitorEventLoopDelay`: that looks
 * once a millisecond and counts what it sees, long turns and idle ones alike; here each turn is one value. The loop does not sleep while
 * it is watched, so nothing but the work (and whoever else wants the CPU) makes a turn long.
 */
export class TurnWatch {
  private turns: TurnTime[] = [];
  private next: NodeJS.Immediate | null = null;

  start(): void {
    let wallMs = performance.now();
    let cpuMs = cpuNowMs();
    const look = (): void => {
      const [nowMs, nowCpuMs] = [performance.now(), cpuNowMs()];
      if (nowCpuMs - cpuMs > IDLE_CPU_MS_MAX)
        this.turns.push({ wallMs: nowMs - wallMs, cpuMs: nowCpuMs - cpuMs });
      wallMs = nowMs;
      cpuMs = nowCpuMs;
      this.next = setImmediate(look);
    };
    this.next = setImmediate(look);
  }

  /** Stops, and answers the turns since `start` that had something to do. */
  stop(): TurnTime[] {
    if (this.next !== null) clearImmediate(this.next);
    this.next = null;
    const turns = this.turns;
    this.turns = [];
    return turns;
  }
}

/** Of all threads of this process: what the collector does beside the loop is counted too. */
function cpuNowMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
