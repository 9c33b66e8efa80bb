import type { Bus } from '../bus/bus.ts';
import type { Zone } from '../domain/cell.ts';
import type { ReplicaId } from '../domain/ids.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { FlushPlan } from '../geo/driver-mirror.ts';
import { ToldPlaces } from '../geo/told-places.ts';
import { encodePlaces } from '../geo/place-frame.ts';
import type { RemoteDrivers } from '../geo/remote-drivers.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { joinPlaces, splitPlaces, type PlacesSection } from './places-frame.ts';
import { placesTopic } from './topics.ts';

/** Zones sent because somebody asked for them; more are not taken in, and come with the drivers' next pings. */
const ASKED_MAX = 20_000;
/** For so long a zone is sent to who asked, though the roll here does not show yet that they watch it. */
const ASKED_MS = 5_000;
/** Drivers of one message: about 12,000. A longer one would keep Redis and its readers busy for milliseconds. */
const MESSAGE_BYTES = 1024 * 1024;
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
  /** Whoever must know the drivers of a zone, this replica perhaps among them. */
  readonly watchersOf: (zone: Zone) => readonly ReplicaId[];
  /** These zones are watched from now on: all hosts are to send them whole. */
  readonly watching: (zones: readonly Zone[]) => void;
}

/** For metrics, since the start. */
export interface PlaceCounts {
  /** Messages sent, to one replica each; zones in them. */
  frames: number;
  zones: number;
  bytes: number;
  heardFrames: number;
  badFrames: number;
}

/**
 * Where drivers are, both ways: one message a flush to each replica that watches zones with news, their drivers as one frame a zone;
 * nothing for a zone nobody else watches. (A topic a zone made a hundred messages a second of two: at three replicas most of what
 * places cost.)
 */
export class PlaceFeed {
  readonly counts: PlaceCounts = { frames: 0, zones: 0, bytes: 0, heardFrames: 0, badFrames: 0 };
  private readonly options: PlaceFeedOptions;
  private watched: ReadonlySet<Zone> = new Set();
  /** Who has asked for a zone, until when it is sent whole. */
  private readonly asked = new Map<Zone, Map<ReplicaId, number>>();
  private readonly told: ToldPlaces;
  /** Not watched any more, its drivers not forgotten yet. */
  private readonly forgetting = new Set<Zone>();
  private forgetTimer: Timer | null = null;

  constructor(options: PlaceFeedOptions) {
    this.options = options;
    this.told = new ToldPlaces(options.index);
  }

  /** Begins to hear; rejects when the store is out of reach. */
  listen(): Promise<void> {
    return this.options.bus.listen(placesTopic(this.options.self), (bytes) => this.heard(bytes));
  }

  /** The zones whose drivers must be known from now on. */
  watch(zones: ReadonlySet<Zone>): void {
    const before = this.watched;
    this.watched = zones;
    for (const zone of before) if (!zones.has(zone)) this.leave(zone);
    const fresh = [...zones].filter((zone) => !before.has(zone));
    for (const zone of fresh) this.forgetting.delete(zone);
    if (fresh.length > 0) this.options.watching(fresh);
  }

  /** What the mirror is just writing: of each zone that somebody else watches, what is news to them goes out. Call it with every plan, at once. */
  flushed(plan: FlushPlan, nowMs: number): void {
    const { index, remote } = this.options;
    this.forgetAsked();
    const mail = new Map<ReplicaId, PlacesSection[]>();
    for (const { zone, removals, slots } of plan.values()) {
      const readers = this.readersOf(zone);
      if (readers.size === 0) continue;
      const told = this.told.take(zone, slots, nowMs, this.asked.has(zone));
      if (told.length + removals.length === 0) continue;
      const section = { zone, frame: encodePlaces(index, { removals, slots: told }, nowMs) };
      for (const to of readers) {
        const sections = mail.get(to);
        if (sections === undefined) mail.set(to, [section]);
        else sections.push(section);
      }
    }
    for (const [to, sections] of mail) this.send(to, sections);
    remote.settle(nowMs);
  }

  /** Another replica watches these zones from now on: the drivers there who are here go to it whole with the next flushes. */
  askedFor(zones: readonly Zone[], by: ReplicaId): void {
    const { index, clock } = this.options;
    const untilMs = clock.nowMs() + ASKED_MS;
    const wanted = new Set(zones);
    for (const zone of wanted) {
      const askers = this.asked.get(zone);
      if (askers !== undefined) askers.set(by, untilMs);
      else if (this.asked.size < ASKED_MAX) this.asked.set(zone, new Map([[by, untilMs]]));
    }
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      if (!index.isLive(slot) || !index.isHere(slot)) continue;
      const zone = index.zoneOf(slot);
      if (zone !== null && wanted.has(zone)) index.touch(slot);
    }
  }

  close(): void {
    this.options.bus.unlisten(placesTopic(this.options.self));
    this.watched = new Set();
    this.forgetTimer?.cancel();
  }

  private readersOf(zone: Zone): Set<ReplicaId> {
    const readers = new Set(this.options.watchersOf(zone));
    for (const replicaId of this.asked.get(zone)?.keys() ?? []) readers.add(replicaId);
    readers.delete(this.options.self);
    return readers;
  }

  private forgetAsked(): void {
    const nowMs = this.options.clock.nowMs();
    for (const [zone, askers] of this.asked) {
      for (const [replicaId, untilMs] of askers) if (untilMs <= nowMs) askers.delete(replicaId);
      if (askers.size === 0) this.asked.delete(zone);
    }
  }

  /** In messages of about MESSAGE_BYTES at most, or of one zone. */
  private send(to: ReplicaId, sections: readonly PlacesSection[]): void {
    const { bus, self } = this.options;
    let from = 0;
    let length = 0;
    for (let at = 0; at <= sections.length; at++) {
      const next = sections[at]?.frame.length ?? Infinity;
      if (at > from && length + next > MESSAGE_BYTES) {
        const bytes = joinPlaces(self, sections.slice(from, at));
        bus.publish(placesTopic(to), bytes);
        this.counts.frames++;
        this.counts.zones += at - from;
        this.counts.bytes += bytes.length;
        from = at;
        length = 0;
      }
      length += next;
    }
  }

  /** Zones that are not watched here, or not any more, are passed over: nobody would tell when their drivers leave. */
  private heard(bytes: Uint8Array): void {
    const { remote, engineClock } = this.options;
    const mail = splitPlaces(bytes);
    if (mail === null) {
      this.counts.badFrames++;
      return;
    }
    this.counts.heardFrames++;
    const nowMs = engineClock.nowMs();
    for (const { zone, frame } of mail.sections)
      if (this.watched.has(zone)) remote.apply(mail.from, zone, frame, nowMs);
  }

  private leave(zone: Zone): void {
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
