import type postgres from 'postgres';

/*
 * What the database says after the run, by SQL of the checker's own on the bare tables: neither the engine's queries nor its
 * functions are used, so that a mistake in them cannot hide itself.
 */

export interface StoredTrip {
  readonly tripId: string;
  readonly riderId: string;
  readonly driverId: string | null;
  readonly status: string;
  readonly version: number;
}

export interface StoredEvent {
  readonly tripId: string;
  readonly seq: number;
  readonly kind: string;
  readonly status: string;
  readonly actor: string;
  readonly actorId: string | null;
  readonly atMs: number;
  /** Order over all trips: of two things that exclude each other the later has the higher one. */
  readonly position: number;
}

export interface StoredOffer {
  readonly offerId: string;
  readonly tripId: string;
  readonly driverId: string;
  readonly status: string;
  readonly offeredMs: number;
  readonly openedPosition: number;
  readonly closedPosition: number | null;
}

/** The answer kept for a key. */
export interface StoredAnswer {
  readonly accountId: string;
  readonly key: string;
  readonly ok: boolean;
  readonly code: string | null;
  readonly tripId: string | null;
}

export interface Stored {
  readonly trips: readonly StoredTrip[];
  /** By trip, then number. */
  readonly events: readonly StoredEvent[];
  readonly offers: readonly StoredOffer[];
  readonly answers: readonly StoredAnswer[];
}

/** Reads all of it in one snapshot. For the database of one run: everything is held in memory. */
export async function readStored(sql: postgres.Sql): Promise<Stored> {
  return sql.begin('isolation level repeatable read read only', async (tx) => ({
    trips: await tx<StoredTrip[]>`
      select trip_id as "tripId", rider_id as "riderId", driver_id as "driverId", status, version from trips`,
    events: await tx<StoredEvent[]>`
      select trip_id as "tripId", seq, kind, status, actor, actor_id as "actorId",
        (extract(epoch from at) * 1000)::float8 as "atMs", position::float8 as position
      from trip_events order by trip_id, seq`,
    offers: await tx<StoredOffer[]>`
      select offer_id as "offerId", trip_id as "tripId", driver_id as "driverId", status,
        (extract(epoch from offered_at) * 1000)::float8 as "offeredMs",
        opened_position::float8 as "openedPosition", closed_position::float8 as "closedPosition"
      from offers`,
    answers: await tx<StoredAnswer[]>`
      select account_id as "accountId", key, (answer ->> 'ok')::boolean as ok, answer ->> 'code' as code,
        answer #>> '{value,trip,tripId}' as "tripId"
      from command_answers`,
  }));
}

/** A trip's events by number, and its driver after each. */
export interface Course {
  readonly trip: StoredTrip | null;
  readonly events: readonly StoredEvent[];
  /** Driver after event number i + 1. */
  readonly drivers: readonly (string | null)[];
}

const NOTHING: Course = { trip: null, events: [], drivers: [] };

/** The trips' courses by id. */
export class Courses {
  private readonly byTrip = new Map<string, Course>();

  constructor({ trips, events }: Pick<Stored, 'trips' | 'events'>) {
    const eventsOf = new Map<string, StoredEvent[]>();
    for (const event of events) {
      const known = eventsOf.get(event.tripId);
      if (known === undefined) eventsOf.set(event.tripId, [event]);
      else known.push(event);
    }
    const tripOf = new Map(trips.map((trip) => [trip.tripId, trip]));
    for (const tripId of new Set([...tripOf.keys(), ...eventsOf.keys()])) {
      const own = eventsOf.get(tripId) ?? [];
      this.byTrip.set(tripId, { trip: tripOf.get(tripId) ?? null, events: own, drivers: driversOf(own) });
    }
  }

  of(tripId: string): Course {
    return this.byTrip.get(tripId) ?? NOTHING;
  }

  all(): IterableIterator<[string, Course]> {
    return this.byTrip.entries();
  }
}

function driversOf(events: readonly StoredEvent[]): (string | null)[] {
  let driver: string | null = null;
  return events.map(({ kind, actorId }) => {
    if (kind === 'accepted') driver = actorId;
    if (kind === 'released') driver = null;
    return driver;
  });
}

export const ENDS: readonly string[] = ['completed', 'cancelled', 'expired'];
