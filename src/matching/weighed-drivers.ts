import { statusCode } from '../domain/driver-state.ts';
import type { DriverId } from '../domain/ids.ts';
import type { MatchPolicy } from '../domain/market.ts';
import type { Acceptance } from './acceptance.ts';
import { fairnessS, refusalS } from './costs.ts';
import type { EligibilityRules } from './eligibility.ts';
import { roomForInt32 } from './workspace.ts';

const AVAILABLE = statusCode('available');

/** What a driver's terms depend on. */
export interface DriverTerms {
  readonly rules: EligibilityRules;
  readonly acceptance: Acceptance;
  readonly policy: MatchPolicy;
}

/**
 * The drivers of a batch, one a column of the assignment, each as when the batch first came across it: what costs the same whichever
 * rider is driven to is worked out once a driver, not once a pair. Plain arrays by column, kept and reused.
 */
export class WeighedDrivers {
  count = 0;
  /** Whom the column stands for: a slot may change hands while a batch is worked on, its generation tells. */
  readonly slots: number[] = [];
  readonly generations: number[] = [];
  readonly driverIds: DriverId[] = [];
  /** 1 = free now, 0 = free within the horizon. */
  readonly isFree: number[] = [];
  /** Where the drive to the pickup begins. */
  readonly fromLat: number[] = [];
  readonly fromLng: number[] = [];
  readonly freeInS: number[] = [];
  readonly refusalS: number[] = [];
  readonly fairnessS: number[] = [];
  /** Right where the column it names names the slot and its generation too, so that it need never be cleared. */
  private columnOfSlot: Int32Array = new Int32Array(0);

  /** Forgets all; `slotsEnd`: slots are below it, or the room grows as they come. */
  clear(slotsEnd: number): void {
    this.count = 0;
    this.columnOfSlot = roomForInt32(this.columnOfSlot, slotsEnd);
  }

  /** The column of whoever has the slot now, or -1. */
  columnOf({ index }: EligibilityRules, slot: number): number {
    const column = this.columnOfSlot[slot] ?? this.count;
    const isKnown = column < this.count && this.slots[column] === slot;
    return isKnown && index.isCurrent(slot, this.generations[column]!) ? column : -1;
  }

  /** A column for an eligible driver (see `ruleOutForAll`) who has none yet. */
  add({ rules, acceptance, policy }: DriverTerms, slot: number, nowMs: number): number {
    const { columns } = rules.index;
    const driverId = rules.index.driverOf(slot)!;
    const isFree = columns.status[slot] === AVAILABLE;
    const column = this.count++;
    this.slots[column] = slot;
    this.generations[column] = columns.generation[slot]!;
    this.driverIds[column] = driverId;
    this.isFree[column] = isFree ? 1 : 0;
    this.fromLat[column] = isFree ? columns.lat[slot]! : columns.freeLat[slot]!;
    this.fromLng[column] = isFree ? columns.lng[slot]! : columns.freeLng[slot]!;
    this.freeInS[column] = isFree ? 0 : rules.freeInS(slot, nowMs);
    this.refusalS[column] = refusalS(acceptance.rate(driverId), policy);
    this.fairnessS[column] = isFree ? fairnessS(nowMs - columns.idleSinceMs[slot]!, policy) : 0;
    if (slot >= this.columnOfSlot.length) this.widen(slot + 1);
    this.columnOfSlot[slot] = column;
    return column;
  }

  private widen(slotsEnd: number): void {
    const known = this.columnOfSlot;
    this.columnOfSlot = roomForInt32(known, slotsEnd);
    this.columnOfSlot.set(known);
  }
}
