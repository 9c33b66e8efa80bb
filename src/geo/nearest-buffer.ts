/**
 * The nearest few, nearest first, equal distances by slot; made once by the caller and reused for every search. `slots[i]`
 * and `distancesM[i]` hold for i < `count`.
 */
export class NearestBuffer {
  readonly capacity: number;
  readonly slots: Int32Array;
  readonly distancesM: Float64Array;
  count = 0;
  private max: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.max = capacity;
    this.slots = new Int32Array(capacity);
    this.distancesM = new Float64Array(capacity);
  }

  /** Empties it for a search that keeps `max` (at most `capacity`). */
  reset(max: number): void {
    this.max = Math.min(max, this.capacity);
    this.count = 0;
  }

  /** What a newcomer must not exceed to get in: the farthest kept distance once full, else `radiusM`. */
  boundM(radiusM: number): number {
    if (this.count < this.max) return radiusM;
    return this.count === 0 ? -1 : this.distancesM[this.count - 1]!;
  }

  /** Puts a driver in its place, dropping the last when full. Insertion, since the buffer is short (tens, not thousands). */
  offer(slot: number, distanceM: number): void {
    if (this.max === 0) return;
    let at = this.count;
    if (at === this.max) {
      if (!this.isBefore(slot, distanceM, at - 1)) return;
      at--;
    } else {
      this.count++;
    }
    while (at > 0 && this.isBefore(slot, distanceM, at - 1)) {
      this.slots[at] = this.slots[at - 1]!;
      this.distancesM[at] = this.distancesM[at - 1]!;
      at--;
    }
    this.slots[at] = slot;
    this.distancesM[at] = distanceM;
  }

  private isBefore(slot: number, distanceM: number, at: number): boolean {
    const other = this.distancesM[at]!;
    return distanceM < other || (distanceM === other && slot < this.slots[at]!);
  }
}
