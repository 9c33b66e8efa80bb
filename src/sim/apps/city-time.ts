import { assert } from '../../lib/assert.ts';

/**
 * The city's own time, which stands until the fleet is online and then runs with the clock. Records are in city time, messages in
 * the clock's.
 */
export class CityTime {
  /** When the city begins, in its own time, Unix ms. */
  readonly beginsMs: number;
  private beganMs: number | null = null;

  constructor(beginsMs: number) {
    this.beginsMs = beginsMs;
  }

  get hasBegun(): boolean {
    return this.beganMs !== null;
  }

  /** The city's time runs from now on. */
  begin(nowMs: number): void {
    assert(this.beganMs === null, 'a city begins once');
    this.beganMs = nowMs;
  }

  /** City time at `nowMs` of the clock. */
  at(nowMs: number): number {
    return this.beganMs === null ? this.beginsMs : this.beginsMs + (nowMs - this.beganMs);
  }

  /** How long from `nowMs` of the clock until `cityMs`, 0 when it is past; Infinity while the city stands. */
  untilMs(cityMs: number, nowMs: number): number {
    return this.beganMs === null ? Infinity : Math.max(0, cityMs - this.at(nowMs));
  }
}
