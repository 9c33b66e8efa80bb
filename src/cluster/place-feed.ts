import type { Bus } from '../bus/bus.ts';
import type { Zone } from '../domain/cell.ts';
import type { ReplicaId } from '../domain/ids.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { FlushPlan } from '../geo/driver-mirror.ts';
import { encodePlaces } from '../geo/place-frame.ts';
import type { RemoteDrivers } from '../geo/remote-drivers.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { ToldPlaces } from './told-places.ts';
import { zoneTopic } from './topics.ts';

/** Zones published because somebody asked for them; more are not taken in, and come with the drivers' next pings. */
const ASKED_MAX = 20_000;
/** For so long a zone is published to who asked, though the roll does not show yet that somebody else watches it. */
const ASKED_MS = 5_000;
/** Zones whose drivers are forgotten in one turn of the loop. */
const FORGOTTEN_A_TURN = 8;

export interface PlaceFeedOptions {
  readonly self: ReplicaId;
  readonly bus: Bus;
  readonly clock: Clock;
  /** What the index's times are of. */
  readonly engineClock: Pick<Clock, 'nowMs'>;
  readonly index: DriverIndex;
  readonly remote: RemoteDrivers;
  readonly isWatchedElsewhere: (zone: Zone) => boolean;
  /** These zones are listened to from now on (confirmed): all hosts are to send them whole. */
  readonly listening: (zones: readonly Zone[]) => void;
}

/** For metrics, since the start. */
export interface PlaceCounts {
  frames: number;
  bytes: number;
  heardFrames: number;
  badFrames: number;
  /** Topics that could not be confirmed at once: they are heard when the store is back. */
  refusedTopics: number;
}

/** Where drivers are, both ways: one frame a zone and flush to whoever watches it; nothing for a zone nobody else watches. */
export class PlaceFeed {
  readonly counts: PlaceCounts = { frames: 0, bytes: 0, heardFrames: 0, badFrames: 0, refusedTopics: 0 };
  private readonly options: PlaceFeedOptions;
  private readonly head: Uint8Array;
  private watched: ReadonlySet<Zone> = new Set();
  private readonly asked = new Map<Zone, number>();
  private readonly told: ToldPlaces;
  /** Not watched any more, its drivers not forgotten yet. */
  private readonly forgetting = new Set<Zone>();
  private forgetTimer: Timer | null = null;

  constructor(options: PlaceFeedOptions) {
    this.options = options;
    this.head = headOf(options.self);
    this.told = new ToldPlaces(options.index);
  }

  /** The zones to listen to from now on; of those that were not listened to before, `listening` tells once that is sure. */
  watch(zones: ReadonlySet<Zone>): void {
    const { bus } = this.options;
    const before = this.watched;
    this.watched = zones;
    for (const zone of before) if (!zones.has(zone)) this.leave(zone);
    const fresh = [...zones].filter((zone) => !before.has(zone));
    if (fresh.length === 0) return;
    const confirmed = fresh.map((zone) => {
      this.forgetting.delete(zone);
      return bus
        .listen(zoneTopic(zone), (bytes) => this.heard(zone, bytes))
        .then(
          () => true,
          // The bus listens as soon as the store is back, and tells of the gap then: everything is asked for again.
          () => {
            this.counts.refusedTopics++;
            return false;
          },
        );
    });
    void Promise.all(confirmed).then((all) => {
      const heard = fresh.filter((zone, i) => all[i] === true && this.watched.has(zone));
      if (heard.length > 0) this.options.listening(heard);
    });
  }

  /** What the mirror is just writing: of each zone that somebody else watches, what is news to them goes out. Call it with every plan, at once. */
  flushed(plan: FlushPlan, nowMs: number): void {
    const { bus, clock, index, isWatchedElsewhere, remote } = this.options;
    for (const [zone, untilMs] of this.asked) if (untilMs <= clock.nowMs()) this.asked.delete(zone);
    for (const { zone, removals, slots } of plan.values()) {
      const isAsked = this.asked.has(zone);
      if (!isAsked && !isWatchedElsewhere(zone)) continue;
      const told = this.told.take(zone, slots, nowMs, isAsked);
      if (told.length + removals.length === 0) continue;
      const frame = encodePlaces(index, { removals, slots: told }, nowMs);
      const bytes = Buffer.allocUnsafe(this.head.length + frame.length);
      bytes.set(this.head);
      bytes.set(frame, this.head.length);
      bus.publish(zoneTopic(zone), bytes);
      this.counts.frames++;
      this.counts.bytes += bytes.length;
    }
    remote.settle(nowMs);
  }

  /** Another replica listens to these zones from now on: the drivers there who are here go out whole with the next flushes. */
  askedFor(zones: readonly Zone[]): void {
    const { index, clock } = this.options;
    const untilMs = clock.nowMs() + ASKED_MS;
    const wanted = new Set(zones);
    for (const zone of wanted) {
      if (this.asked.size < ASKED_MAX || this.asked.has(zone)) this.asked.set(zone, untilMs);
    }
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      if (!index.isLive(slot) || !index.isHere(slot)) continue;
      const zone = index.zoneOf(slot);
      if (zone !== null && wanted.has(zone)) index.touch(slot);
    }
  }

  close(): void {
    for (const zone of this.watched) this.options.bus.unlisten(zoneTopic(zone));
    this.watched = new Set();
    this.forgetTimer?.cancel();
  }

  private heard(zone: Zone, bytes: Uint8Array): void {
    const { self, remote, engineClock } = this.options;
    const from = senderOf(bytes);
    if (from === self) return;
    if (from === null) {
      this.counts.badFrames++;
      return;
    }
    this.counts.heardFrames++;
    remote.apply(from, zone, bytes.subarray(2 + from.length), engineClock.nowMs());
  }

  private leave(zone: Zone): void {
    this.options.bus.unlisten(zoneTopic(zone));
    this.forgetting.add(zone);
    this.forgetTimer ??= this.options.clock.after(0, () => this.forgetSome());
  }

  private forgetSome(): void {
    this.forgetTimer = null;
    let left = FORGOTTEN_A_TURN;
    for (const zone of this.forgetting) {
      this.forgetting.delete(zone);
      this.options.remote.forgetZone(zone);
      if (--left === 0) break;
    }
    if (this.forgetting.size > 0) this.forgetTimer = this.options.clock.after(0, () => this.forgetSome());
  }
}

/*
 * Before the zone's frame of geo/place-frame.ts: version (u8), length of the sender's id (u8), the id (ASCII).
 */
const VERSION = 1;

function headOf(self: ReplicaId): Uint8Array {
  return Buffer.concat([Uint8Array.of(VERSION, self.length), Buffer.from(self, 'latin1')]);
}

/** Null for another version's frame, or a damaged one. */
function senderOf(bytes: Uint8Array): ReplicaId | null {
  const length = bytes[1] ?? 0;
  if (bytes[0] !== VERSION || length === 0 || bytes.length < 2 + length) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset + 2, length).toString('latin1') as ReplicaId;
}
