import type { ChainableCommander, Cluster, Redis } from 'ioredis';
import type { Zone } from '../domain/cell.ts';
import type { DriverId } from '../domain/ids.ts';
import { ZONE_TTL_MS, type RedisKeys } from '../protocol/redis-keys.ts';
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
import { ToldPlaces } from './told-places.ts';

/** Waits after the first, second … write in a row that failed; the last one from then on. */
const RETRY_MS = [500, 1_000, 2_000, 5_000];
/** One command holds Redis for at most a millisecond or so. */
const COMMAND_DRIVERS_MAX = 1_000;
/** Redis keeps no geo members nearer the poles (Web Mercator's limit); the record has the true place. */
const GEO_LAT_MAX = 85.05112878;

export interface RedisDriverMirrorOptions {
  readonly redis: Redis | Cluster;
  readonly keys: RedisKeys;
  readonly index: DriverIndex;
  /** Told of each flush that failed, wholly or for some zones, with the first cause. */
  onError(error: Error): void;
  /**
   * Given each flush's plan at once, before any of it is written and also while Redis is out of reach: frames to other replicas
   * are made of it. May be empty; must not throw nor keep it.
   */
  onPlan?(plan: FlushPlan, nowMs: number): void;
  readonly refreshMs?: number;
  readonly flushDriversMax?: number;
  readonly removalsMax?: number;
}

/**
 * Drivers who have moved less than 20 m are written every 4 s (told-places.ts). One pipeline a zone and flush: `ZREM` and `HDEL` for who left, `GEOADD` and `HSET` for who is there, `PEXPIRE` now and then. A
 * zone's keys share a hash tag, so a Redis Cluster takes it whole; alone, 10 zones of 1,000 drivers cost as much as in one
 * pipeline for all (18 and 19 ms of CPU).
 */
export function createRedisDriverMirror(options: RedisDriverMirrorOptions): DriverMirror {
  return new RedisDriverMirror(options);
}

class RedisDriverMirror implements DriverMirror {
  readonly counts: MirrorCounts = { commands: 0, drivers: 0, failedFlushes: 0, droppedRemovals: 0 };
  private readonly options: RedisDriverMirrorOptions;
  private readonly planner: MirrorPlanner;
  private readonly backlog: PlanBacklog;
  private readonly told: ToldPlaces;
  private readonly expiries: ZoneExpiries = new ZoneExpiries();
  private running: Promise<void> | null = null;
  private failures = 0;
  private retryMs = -Infinity;

  constructor(options: RedisDriverMirrorOptions) {
    this.options = options;
    const flushDriversMax = options.flushDriversMax ?? 50_000;
    const removalsMax = options.removalsMax ?? 100_000;
    const { index, refreshMs = 10_000 } = options;
    const planner = new MirrorPlanner({ index, flushDriversMax, removalsMax, refreshMs });
    const zonePlanned = (slot: number): number => planner.zonePlanned(slot);
    this.planner = planner;
    this.told = new ToldPlaces(index);
    this.backlog = new PlanBacklog({ zonePlanned, flushDriversMax, removalsMax });
  }

  flush(nowMs: number): Promise<void> {
    const plan = this.planner.plan(nowMs);
    this.options.onPlan?.(plan, nowMs);
    this.backlog.keep(this.newsOf(plan, nowMs));
    this.counts.droppedRemovals = this.planner.droppedRemovals + this.backlog.droppedRemovals;
    if (this.running !== null) return this.running;
    if (nowMs < this.retryMs) return Promise.resolve();
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

  /** Without the drivers whom the store has near enough. */
  private newsOf(plan: FlushPlan, nowMs: number): FlushPlan {
    const news = new Map<Zone, ZonePlan>();
    for (const { zone, removals, slots } of plan.values()) {
      const told = this.told.take(zone, slots, nowMs, false);
      if (told.length + removals.length > 0) news.set(zone, { zone, removals, slots: told });
    }
    return news;
  }

  private async write(nowMs: number): Promise<void> {
    const plan = this.backlog.take();
    const expiring = this.expiries.due(plan, nowMs);
    const zones = [...new Set([...plan.keys(), ...expiring])];
    // All pipelines are filled before the first wait: the index as it was when the plan was made.
    const writes = zones.map((zone) => this.writeZone(zone, plan.get(zone), expiring.has(zone), nowMs));
    const outcomes = await Promise.allSettled(writes);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) {
      this.failures = 0;
      return;
    }
    const unwritten = zones.filter((zone, i) => plan.has(zone) && outcomes[i]!.status === 'rejected');
    this.backlog.keep(new Map(unwritten.map((zone) => [zone, plan.get(zone)!])));
    this.counts.failedFlushes++;
    this.retryMs = nowMs + RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]!;
    this.options.onError(new Error('the driver mirror could not be written', { cause: failed.reason }));
  }

  private async writeZone(
    zone: Zone,
    part: ZonePlan | undefined,
    isExpiring: boolean,
    nowMs: number,
  ): Promise<void> {
    const { redis, keys } = this.options;
    const pipeline = redis.pipeline();
    const sets = part === undefined ? [] : this.addRows(pipeline, part);
    if (isExpiring) {
      pipeline.pexpire(keys.zoneGeo(zone), ZONE_TTL_MS);
      pipeline.pexpire(keys.zoneDrivers(zone), ZONE_TTL_MS);
    }
    const replies = await this.execute(pipeline);
    if (isExpiring) this.expiries.renewed(zone, nowMs);
    if (sets.some(({ at, fields }) => replies[at] === fields)) this.expiries.suspect(zone, nowMs);
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

  private addRows(pipeline: ChainableCommander, { zone, removals, slots }: ZonePlan): SentSet[] {
    const { index, keys } = this.options;
    const { lat, lng } = index.columns;
    const sets: SentSet[] = [];
    for (const some of chunks(removals)) {
      pipeline.zrem(keys.zoneGeo(zone), ...some);
      pipeline.hdel(keys.zoneDrivers(zone), ...some);
    }
    for (const some of chunks(slots)) {
      const members: (string | number)[] = [];
      const records: (string | Buffer)[] = [];
      for (const slot of some) {
        const driverId = index.driverOf(slot)!;
        const geoLat = Math.max(-GEO_LAT_MAX, Math.min(GEO_LAT_MAX, lat[slot]!));
        members.push(lng[slot]!, geoLat, driverId);
        records.push(driverId, packRecord(index, slot));
      }
      pipeline.geoadd(keys.zoneGeo(zone), ...members);
      sets.push({ at: pipeline.length, fields: some.length });
      pipeline.hset(keys.zoneDrivers(zone), ...records);
      this.counts.drivers += some.length;
    }
    return sets;
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

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += COMMAND_DRIVERS_MAX) {
    yield items.slice(at, at + COMMAND_DRIVERS_MAX);
  }
}
