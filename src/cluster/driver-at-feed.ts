import type { Bus } from '../bus/bus.ts';
import type { DriverAt, PeerDesk } from '../dispatch/peers.ts';
import type { ReplicaId, RiderId } from '../domain/ids.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { encodeFrame } from './frame.ts';
import type { ClusterTiming } from './timing.ts';
import { replicaTopic } from './topics.ts';

/** Riders elsewhere whose drivers' places wait for a flush; those of more are dropped, the next ping brings another. */
const RIDERS_WAITING_MAX = 20_000;
/** Of one frame. */
const ITEMS_MAX = 500;

interface Item {
  readonly kind: 'driver_at';
  readonly riderId: RiderId;
  readonly message: DriverAt;
}

/** Drivers' places on their way to riders seated elsewhere: per rider the newest of a flush, in one frame for each replica. */
export class DriverAtFeed {
  /** For metrics, since the start. */
  readonly counts = { shown: 0, frames: 0, dropped: 0 };
  private readonly options: {
    readonly self: ReplicaId;
    readonly bus: Bus;
    readonly clock: Clock;
    readonly timing: ClusterTiming;
  };
  private readonly waiting = new Map<ReplicaId, Map<RiderId, DriverAt>>();
  private waitingCount = 0;
  private timer: Timer | null = null;

  constructor(options: DriverAtFeed['options']) {
    this.options = options;
  }

  show(to: ReplicaId, riderId: RiderId, message: DriverAt): void {
    const { clock, timing } = this.options;
    const riders = this.waiting.get(to) ?? new Map<RiderId, DriverAt>();
    if (!riders.has(riderId)) {
      if (this.waitingCount === RIDERS_WAITING_MAX) {
        this.counts.dropped++;
        return;
      }
      this.waitingCount++;
    }
    riders.set(riderId, message);
    this.waiting.set(to, riders);
    this.timer ??= clock.after(timing.driverAtMs, () => this.flush());
  }

  /** Shows a driver's place that came to this replica; false when it was none. */
  heard(item: object, desk: PeerDesk): boolean {
    const { kind, riderId, message } = item as { [Name in keyof Item]?: unknown };
    if (kind !== 'driver_at' || typeof riderId !== 'string' || !isDriverAt(message)) return false;
    desk.driverAt(riderId as RiderId, message);
    return true;
  }

  close(): void {
    this.timer?.cancel();
    this.waiting.clear();
  }

  private flush(): void {
    this.timer = null;
    const { bus, self } = this.options;
    for (const [to, riders] of this.waiting) {
      const items: Item[] = [...riders].map(([riderId, message]) => ({
        kind: 'driver_at',
        riderId,
        message,
      }));
      this.counts.shown += items.length;
      for (let at = 0; at < items.length; at += ITEMS_MAX) {
        bus.publish(replicaTopic(to), encodeFrame(self, 0, items.slice(at, at + ITEMS_MAX)));
        this.counts.frames++;
      }
    }
    this.waiting.clear();
    this.waitingCount = 0;
  }
}

function isDriverAt(message: unknown): message is DriverAt {
  if (typeof message !== 'object' || message === null) return false;
  const { t, tripId, place } = message as Record<string, unknown>;
  if (t !== 'driver_at' || typeof tripId !== 'string' || typeof place !== 'object' || place === null)
    return false;
  const { lat, lng } = place as Record<string, unknown>;
  return typeof lat === 'number' && typeof lng === 'number';
}
