import type { ReplicaId } from '../domain/ids.ts';

/** Senders remembered; beyond it the one heard of longest ago is forgotten, and counts as a stranger when it is heard again. */
const SENDERS_MAX = 1_024;

interface Sender {
  /** The highest number heard: it and all below are repeated or too late. */
  heard: number;
  /** Everything up to here was heard, came before this replica's time, or is known to be lost and has been answered for. */
  settled: number;
  /** A number that a beat has named and nobody has heard yet; null = none. */
  overdue: { readonly number: number; readonly sinceMs: number } | null;
}

/**
 * Which numbered frames of each sender have come, to drop repeated ones and to notice lost ones: by the next frame, or in quiet
 * times by the number that the sender's beat carries. Pure.
 */
export class HeardNumbers {
  private readonly overdueMs: number;
  private readonly senders = new Map<ReplicaId, Sender>();
  private isComplete = false;

  constructor(overdueMs: number) {
    this.overdueMs = overdueMs;
  }

  /**
   * From now on senders are heard from their first frame. Those met before count from where they were: this replica has read from
   * the store what they told earlier.
   */
  begin(): void {
    this.isComplete = true;
  }

  /** `isLost`: frames between this one and the ones before never came. */
  heard(from: ReplicaId, number: number): { isNew: boolean; isLost: boolean } {
    const sender = this.senderOf(from, number - 1);
    if (number <= sender.heard) return { isNew: false, isLost: false };
    const isLost = number > sender.settled + 1;
    sender.heard = number;
    this.settle(sender, number);
    return { isNew: true, isLost };
  }

  /** A beat of the sender named `number` as its last. */
  told(from: ReplicaId, number: number, nowMs: number): void {
    const sender = this.senderOf(from, number);
    if (number > sender.settled) sender.overdue ??= { number, sinceMs: nowMs };
  }

  /** True when something named a while ago has not come: it is lost, and this says so once. */
  takeLost(nowMs: number): boolean {
    let isLost = false;
    for (const sender of this.senders.values()) {
      if (sender.overdue === null || nowMs - sender.overdue.sinceMs < this.overdueMs) continue;
      this.settle(sender, sender.overdue.number);
      isLost = true;
    }
    return isLost;
  }

  private settle(sender: Sender, number: number): void {
    sender.settled = Math.max(sender.settled, number);
    if (sender.overdue !== null && sender.overdue.number <= sender.settled) sender.overdue = null;
  }

  private senderOf(from: ReplicaId, before: number): Sender {
    const known = this.senders.get(from);
    const sender = known ?? { heard: 0, settled: this.isComplete ? 0 : before, overdue: null };
    // To the end of the line: the first in it is the one heard of longest ago.
    if (known !== undefined) this.senders.delete(from);
    else if (this.senders.size === SENDERS_MAX) {
      for (const [oldest] of this.senders) {
        this.senders.delete(oldest);
        break;
      }
    }
    this.senders.set(from, sender);
    return sender;
  }
}
