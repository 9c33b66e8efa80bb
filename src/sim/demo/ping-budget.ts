import type { Habits } from '../apps/habits.ts';

export interface PingBudgetOptions {
  readonly habits: Pick<Habits['driver'], 'idlePingMs' | 'movingPingMs'>;
  readonly speed: number;
  /** Messages per second of the wall that the machine is asked to carry. */
  readonly perWallS: number;
  /** No idle period is stretched beyond this, ms of the city: a driver silent for `staleMs` would be no candidate. */
  readonly idlePeriodMsMax: number;
}

/**
 * How much longer than usual apps wait between pings, so that a large fleet at a high speed stays within what the machine carries: the
 * rate that the fleet would have is held against the budget, and late timers raise the stretch further.
 */
export class PingBudget {
  private readonly options: PingBudgetOptions;
  private readonly stretchMax: number;
  private readonly idleMeanMs: number;
  private readonly movingMeanMs: number;
  /** From late timers, 1 or more. */
  private strain = 1;
  stretch = 1;

  constructor(options: PingBudgetOptions) {
    const { idlePingMs, movingPingMs } = options.habits;
    this.options = options;
    this.stretchMax = Math.max(1, options.idlePeriodMsMax / idlePingMs[1]);
    this.idleMeanMs = (idlePingMs[0] + idlePingMs[1]) / 2;
    this.movingMeanMs = (movingPingMs[0] + movingPingMs[1]) / 2;
  }

  /** To be told about once a second of the wall; `lateWallMs`: how late timers were at worst since then. */
  update(fleet: { readonly idle: number; readonly moving: number }, lateWallMs: number): void {
    const { speed, perWallS } = this.options;
    if (lateWallMs > 100) this.strain *= 1.25;
    else if (lateWallMs < 40) this.strain /= 1.05;
    this.strain = Math.min(this.stretchMax, Math.max(1, this.strain));
    const wantedPerS = 1000 * speed * (fleet.idle / this.idleMeanMs + fleet.moving / this.movingMeanMs);
    this.stretch = Math.min(this.stretchMax, Math.max(1, (wantedPerS / perWallS) * this.strain));
  }
}
