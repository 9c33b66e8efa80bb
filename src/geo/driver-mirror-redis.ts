import type { ChainableCommander, Cluster, Redis } from 'ioredis';
import type { Zone } from '../domain/cell.ts';
import type { DriverId } from '../domain/ids.ts';
import { ZONE_TTL_MS, type RedisKeys } from '../protocol/redis-keys.ts';
import type { Clock } from '../lib/clock.ts';
import type { DriverIndex } from './driver-index.ts';
import {
  MirrorPlanner,
  type DriverMirror,
  type MirrorCounts,
  type MirroredDriver,
  type FlushPlan,
  type ZonePlan,
} from './driver-mirror.ts';
import { packRecord, unpackRecord } from './driver-record.ts';
import { PlanBacklog } from './plan-backlog.ts';

/** Waits after the first, second … write in a row that failed; the last one from then on. */
const RETRY_MS = [500, 1_000, 2_000, 5_000];
/** Drivers in a flush, and in a write, by default. */
const FLUSH_DRIVERS_MAX = 50_000;
/** One command holds Redis for at most a millisecond or so. */
const COMMAND_DRIVERS_MAX = 500;
/** Rows, or one command's, are enough for a turn of the loop, 1 to 2 ms of it: everybody else's pings come in between. */
const TURN_ROWS = 250;
/** Waited after each row, as a part of `everyMs`: the largest write is spread over half of it, so that offers are not held up by turn after turn. */
const ROW_GAP_PART = 0.5 / FLUSH_DRIVERS_MAX;
/** Redis keeps no geo members nearer the poles (Web Mercator's limit); the record has the true place. */
const GEO_LAT_MAX = 85.05112878;

export interface RedisDriverMirrorOptions {
  readonly redis: Redis | Cluster;
  readonly keys: RedisKeys;
  readonly index: DriverIndex;
  /** The machine's own: when the loop is given back between two parts of a flush. */
  readonly wallClock: Clock;
  /** Told of each flush that failed, wholly or for some zones, with the first cause. */
  onError(error: Error): void;
  /**
   * Given each flush's plan at once, before any of it is written and also while Redis is out of reach: frames to other replicas
   * are made of it. May be empty; must not throw nor keep it.
   */
  onPlan?(plan: FlushPlan, nowMs: number): void;
  /**
   * Written so often, ms of the flushes’ clock: five flushes’ news of a zone cost little more than one’s, for it is commands that cost. Whoever reads the mirror sees places so old.
   * Sooner when more than a write’s worth of drivers waits. 0, every flush, by default.
   */
  readonly everyMs?: number;
  readonly refreshMs?: number;
  readonly flushDriversMax?: number;
  readonly removalsMax?: number;
}

/**
 * A pipeline for 500 drivers of a zone: `ZREM` and
 * `HDEL` for who left, `GEOADD` and `HSET` for who is there, `PEXPIRE` now and then. A zone's keys share a hash tag, so a Redis
 * Cluster takes it whole; alone, 10 zones of 1,000 drivers cost as much as in one pipeline for all (18 and 19 ms of CPU). A
 * flush is written in turns of the loop: 5,000 drivers in one held it for 10 to 70 ms.
 */
export function createRedisDriverMirror(options: RedisDriverMirrorOptions): DriverMirror {
  return new RedisDriverMirror(options);
}

class RedisDriverMirror implements DriverMirror {
  readonly counts: MirrorCounts = { commands: 0, drivers: 0, failedFlushes: 0, droppedRemovals: 0 };
  private readonly options: RedisDriverMirrorOptions;
  private readonly planner: MirrorPlanner;
  private readonly backlog: PlanBacklog;
  private readonly expiries: ZoneExpiries = new ZoneExpiries();
  private running: Promise<void> | null = null;
  private failures = 0;
  private retryMs = -Infinity;
  private wroteMs = -Infinity;

  constructor(options: RedisDriverMirrorOptions) {
    this.options = options;
    const flushDriversMax = options.flushDriversMax ?? FLUSH_DRIVERS_MAX;
    const removalsMax = options.removalsMax ?? 100_000;
    const { index, refreshMs = 10_000 } = options;
    const planner = new MirrorPlanner({ index, flushDriversMax, removalsMax, refreshMs });
    const zonePlanned = (slot: number): number => planner.zonePlanned(slot);
    this.planner = planner;
    this.backlog = new PlanBacklog({ zonePlanned, flushDriversMax, removalsMax });
  }

  flush(nowMs: number): Promise<void> {
    const plan = this.planner.plan(nowMs);
    this.options.onPlan?.(plan, nowMs);
    this.backlog.keep(plan);
    this.counts.droppedRemovals = this.planner.droppedRemovals + this.backlog.droppedRemovals;
    if (this.running !== null) return this.running;
    if (nowMs < this.retryMs || !this.isDue(nowMs)) return Promise.resolve();
    this.wroteMs = nowMs;
    this.running = this.write(nowMs).finally(() => (this.running = null));
    return this.running;
  }

  async readZone(zone: Zone, nowMs: number, maxAgeMs: number): Promise<MirroredDriver[]> {
    const fields = await this.options.redis.hgetallBuffer(this.options.keys.zoneDrivers(zone));
    return Object.entries(fields).flatMap(([driverId, buffer]) => {
      const record = unpackRecord(buffer);
      if (record === null || nowMs - record.receivedMs > maxAgeMs) return [];
      return [{ driverId: driverId as DriverId, ...record }];
    });
  }

  private isDue(nowMs: number): boolean {
    const { everyMs = 0, flushDriversMax = FLUSH_DRIVERS_MAX } = this.options;
    // Also true for a clock that was set back.
    return !(Math.abs(nowMs - this.wroteMs) < everyMs) || this.backlog.count >= flushDriversMax;
  }

  private async write(nowMs: number): Promise<void> {
    const plan = this.backlog.take();
    const expiring = this.expiries.due(plan, nowMs);
    const written: Promise<void>[] = [];
    const failed: unknown[] = [];
    let rows = 0;
    for (const piece of piecesOf(plan, expiring)) {
      const keep = (error: unknown): void => {
        failed.push(error);
        this.backlog.keep(new Map([[piece.zone, piece]]));
      };
      written.push(this.writePiece(piece, piece.isLast && expiring.has(piece.zone), nowMs).catch(keep));
      rows += piece.slots.length + piece.removals.length;
      if (rows < TURN_ROWS) continue;
      await this.nextTurn(rows);
      rows = 0;
    }
    await Promise.all(written);
    if (failed.length === 0) {
      this.failures = 0;
      return;
    }
    this.counts.failedFlushes++;
    this.retryMs = nowMs + RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]!;
    this.options.onError(new Error('the driver mirror could not be written', { cause: failed[0] }));
  }

  private nextTurn(rows: number): Promise<void> {
    const { wallClock, everyMs = 0 } = this.options;
    return new Promise((resolve) => void wallClock.after(everyMs * ROW_GAP_PART * rows, resolve));
  }

  private async writePiece(piece: PlanPiece, isExpiring: boolean, nowMs: number): Promise<void> {
    const { redis, keys } = this.options;
    const { zone } = piece;
    const pipeline = redis.pipeline();
    const set = this.addRows(pipeline, piece);
    if (isExpiring) {
      pipeline.pexpire(keys.zoneGeo(zone), ZONE_TTL_MS);
      pipeline.pexpire(keys.zoneDrivers(zone), ZONE_TTL_MS);
    }
    if (pipeline.length === 0) return;
    const replies = await this.execute(pipeline);
    if (isExpiring) this.expiries.renewed(zone, nowMs);
    if (set !== null && replies[set.at] === set.fields) this.expiries.suspect(zone, nowMs);
    if (isExpiring) await this.prune(zone, nowMs);
  }

  private async execute(pipeline: ChainableCommander): Promise<unknown[]> {
    this.counts.commands += pipeline.length;
    const replies = (await pipeline.exec()) ?? [];
    const failed = replies.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
    return replies.map(([, reply]) => reply);
  }

  /** Removes what a replica that died has left: nobody else would, while others keep the zone's keys alive. */
  private async prune(zone: Zone, nowMs: number): Promise<void> {
    const { redis, keys } = this.options;
    this.counts.commands++;
    const fields = await redis.hgetallBuffer(keys.zoneDrivers(zone));
    const old = Object.keys(fields).filter((driverId) => {
      const record = unpackRecord(fields[driverId]!);
      return record === null || nowMs - record.receivedMs > ZONE_TTL_MS;
    });
    const pipeline = redis.pipeline();
    for (const some of chunks(old)) {
      pipeline.zrem(keys.zoneGeo(zone), ...some);
      pipeline.hdel(keys.zoneDrivers(zone), ...some);
    }
    if (old.length > 0) await this.execute(pipeline);
  }

  /** Since the plan was made drivers may have left, or been planned into another zone: those are the next plan's. */
  private addRows(pipeline: ChainableCommander, { zone, removals, slots }: ZonePlan): SentSet | null {
    const { index, keys } = this.options;
    const { lat, lng } = index.columns;
    if (removals.length > 0) {
      pipeline.zrem(keys.zoneGeo(zone), ...removals);
      pipeline.hdel(keys.zoneDrivers(zone), ...removals);
    }
    const members: (string | number)[] = [];
    const records: (string | Buffer)[] = [];
    for (const slot of slots) {
      if (this.planner.zonePlanned(slot) !== zone) continue;
      const driverId = index.driverOf(slot)!;
      const geoLat = Math.max(-GEO_LAT_MAX, Math.min(GEO_LAT_MAX, lat[slot]!));
      members.push(lng[slot]!, geoLat, driverId);
      records.push(driverId, packRecord(index, slot));
    }
    const fields = records.length / 2;
    if (fields === 0) return null;
    this.counts.drivers += fields;
    pipeline.geoadd(keys.zoneGeo(zone), ...members);
    pipeline.hset(keys.zoneDrivers(zone), ...records);
    return { at: pipeline.length - 1, fields };
  }
}

/** An HSET: its position in the pipeline, whose reply is the number of fields that were new. */
interface SentSet {
  readonly at: number;
  readonly fields: number;
}

/**
 * When each zone's keys were last given their expiry: renewed every quarter of their life. A write whose fields were all new
 * may have made the keys anew (Redis was emptied, R12), without an expiry: such zones get theirs at the next flush.
 */
class ZoneExpiries {
  private readonly renewedMs = new Map<Zone, number>();
  private readonly suspects = new Set<Zone>();

  due(plan: FlushPlan, nowMs: number): Set<Zone> {
    const due = new Set(this.suspects);
    for (const { zone, slots } of plan.values()) {
      const renewedMs = this.renewedMs.get(zone) ?? -Infinity;
      if (slots.length > 0 && nowMs - renewedMs >= ZONE_TTL_MS / 4) due.add(zone);
    }
    return due;
  }

  suspect(zone: Zone, nowMs: number): void {
    if (this.renewedMs.get(zone) !== nowMs) this.suspects.add(zone);
  }

  renewed(zone: Zone, nowMs: number): void {
    this.suspects.delete(zone);
    this.renewedMs.delete(zone);
    this.renewedMs.set(zone, nowMs);
    // Oldest first, since each renewal goes to the end.
    for (const [old, renewedMs] of this.renewedMs) {
      if (nowMs - renewedMs <= ZONE_TTL_MS) break;
      this.renewedMs.delete(old);
    }
  }
}

function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += COMMAND_DRIVERS_MAX) {
    yield items.slice(at, at + COMMAND_DRIVERS_MAX);
  }
}

/** What of a zone's part of a plan goes into one pipeline. */
interface PlanPiece extends ZonePlan {
  readonly isLast: boolean;
}

/** In the order in which they are to be written; the zones in `expiring` have one also when nothing of them is. */
function* piecesOf(plan: FlushPlan, expiring: ReadonlySet<Zone>): Generator<PlanPiece> {
  for (const zone of new Set([...plan.keys(), ...expiring])) {
    const { removals, slots } = plan.get(zone) ?? { removals: [], slots: [] };
    for (const some of chunks(removals)) yield { zone, removals: some, slots: [], isLast: false };
    const rows = [...chunks(slots)];
    for (const some of rows.slice(0, -1)) yield { zone, removals: [], slots: some, isLast: false };
    yield { zone, removals: [], slots: rows.at(-1) ?? [], isLast: true };
  }
}
