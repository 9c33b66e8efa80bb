import { zoneAt, type GridSpec, type Zone } from '../../domain/cell.ts';
import type { MarketId, TripId } from '../../domain/ids.ts';
import type { Trip } from '../../domain/trip.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type { ServerProcess } from './server-process.ts';
import type { Report } from './violation.ts';

/** R11: after whatever happened to replicas, a searching trip is searched again within this. */
const TAKEN_UP_MS_MAX = 5_000;
/** R6: an owner that may match knows what is stored as searching in its zones after this; lost news are noticed by the next beat. */
const KNOWN_MS_MAX = 4_000;
/** Both, where calls of the store fail by themselves: a sweep leaves the youngest for 10 s, and may fail itself. */
const ROUGHLY_MS_MAX = 30_000;
/** So long after the last trouble nobody may believe any more to own what is another's. */
const SETTLED_MS = 15_000;
const ROWS_MAX = 100_000;

export interface SearchWorld {
  readonly store: MemoryTripStore;
  readonly report: Report;
  readonly marketId: MarketId;
  readonly grid: GridSpec;
  /** Calls of the stores fail now and then by themselves. */
  readonly isFlaky: boolean;
}

/** What is the case at the moment of a look. */
export interface SearchMoment {
  readonly nowMs: number;
  /** Serving, and not paused. */
  readonly awake: readonly ServerProcess[];
  /** When something last happened to a replica or its stores; -Infinity = never. */
  readonly troubleMs: number;
  /** A store is out of somebody's reach: nobody can promise anything. */
  readonly isCut: boolean;
}

const searches = (server: ServerProcess, tripId: TripId): boolean =>
  server.engine.peers.mayMatch() &&
  [...server.engine.markets.values()].some(({ dispatcher }) => dispatcher.state.requests.has(tripId));

/** R11 and R7: every stored request is searched by somebody soon, and in the end by nobody else. */
export class SearchRules {
  private readonly world: SearchWorld;
  private unsearchedSinceMs = new Map<TripId, number>();
  /** Trips that their owner does not search, and since when. */
  private unknown = new Map<TripId, { owner: ServerProcess; sinceMs: number }>();

  constructor(world: SearchWorld) {
    this.world = world;
  }

  /** Call it every second. */
  async look({ nowMs, awake, troubleMs, isCut }: SearchMoment): Promise<void> {
    const { store, marketId, isFlaky, report } = this.world;
    const before = this.unsearchedSinceMs;
    const unknownBefore = this.unknown;
    this.unsearchedSinceMs = new Map();
    this.unknown = new Map();
    if (awake.length === 0 || isCut) return;
    const maxMs = isFlaky ? ROUGHLY_MS_MAX : TAKEN_UP_MS_MAX;
    for (const { trip } of await store.searchingTrips(marketId, ROWS_MAX)) {
      const { tripId } = trip;
      const searchers = awake.filter((server) => searches(server, tripId));
      if (searchers.length > 1 && nowMs - troubleMs > SETTLED_MS)
        report({
          rule: 'R7',
          tripId,
          detail: `is searched by ${searchers.map(({ name }) => name).join(' and ')}`,
        });
      this.checkOwner(trip, awake, unknownBefore.get(tripId) ?? null, nowMs);
      if (searchers.length > 0) continue;
      const sinceMs = Math.max(before.get(tripId) ?? nowMs, troubleMs);
      this.unsearchedSinceMs.set(tripId, sinceMs);
      if (nowMs - sinceMs > maxMs)
        report({ rule: 'R11', tripId, detail: `nobody has searched for ${nowMs - sinceMs} ms` });
    }
  }

  private checkOwner(
    { tripId, pickup }: Trip,
    awake: readonly ServerProcess[],
    before: { owner: ServerProcess; sinceMs: number } | null,
    nowMs: number,
  ): void {
    const { isFlaky, report, grid } = this.world;
    const zone = zoneAt(pickup.lat, pickup.lng, grid);
    const owner = awake.find(({ engine: { peers } }) => peers.owns(zone) && peers.mayMatch());
    if (owner === undefined || searches(owner, tripId)) return;
    const sinceMs = before?.owner === owner ? before.sinceMs : nowMs;
    this.unknown.set(tripId, { owner, sinceMs });
    if (nowMs - sinceMs > (isFlaky ? ROUGHLY_MS_MAX : KNOWN_MS_MAX))
      report({ rule: 'R6', tripId, detail: `${owner.name} owns its zone and does not know of it` });
  }
}

/** In a quiet world: every zone has one owner that may match, and all agree on who. */
export function checkOwners(servers: readonly ServerProcess[], zones: readonly Zone[], report: Report): void {
  for (const zone of zones) {
    const owners = servers.filter(({ engine: { peers } }) => peers.owns(zone) && peers.mayMatch());
    if (owners.length !== 1)
      report({
        rule: 'R7',
        tripId: null,
        detail: `zone ${zone.toString(16)} has ${owners.length} owners: ${owners.map(({ name }) => name).join(' ')}`,
      });
  }
}
