import type postgres from 'postgres';
import type { DriverId, MarketId, RiderId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Result } from '../domain/rejection.ts';
import type { Trip, TripEvent } from '../domain/trip.ts';
import { answerList } from './answer-list.ts';
import { commandDocument, idOrNil, isUuid, type CommandDocument } from './command-document.ts';
import { GroupCommit } from './group-commit.ts';
import { failureKind, RETRY_DEFAULTS, RetryBudget, withRetries, type RetryPolicy } from './retry.ts';
import { ReadReplica } from './read-replica-postgres.ts';
import { RETRYABLE_CODES } from './trip-command.ts';
import type {
  Decision,
  Duty,
  NewOffer,
  OfferClosing,
  OfferOpening,
  PathPoint,
  SearchingTrip,
  TripChange,
  TripCommand,
  TripStore,
} from './trip-store.ts';

type Settled = PromiseSettledResult<Result<TripChange>>;

/**
 * A command costs PostgreSQL about 0.1 ms of CPU in a full batch, 0.6 ms alone. One lane keeps one core busy: 512 callers had
 * 6,300 commands/s with one and 11,500 with two (2 cores, fsync on); batches beyond 128 only add to the wait.
 */
const TRIP_STORE_DEFAULTS = {
  batchMax: 128,
  lanesMax: 2,
  commandsQueuedMax: 20_000,
  commandWaitMsMax: 3_000,
} as const;

export interface PostgresTripStoreOptions extends Pick<RetryPolicy, 'clock' | 'prng'> {
  /** A pool with more than `lanesMax` connections, on a migrated database. The store never ends it. */
  readonly sql: postgres.Sql;
  /**
   * A pool on a read replica, for what may lag (TripStore says which); the primary is asked when it fails. Null or left out:
   * always the primary. The store never ends it.
   */
  readonly readSql?: postgres.Sql | null;
  /** Called with why when it fails; not again while it is left alone after that (5 s). */
  readonly onReadFallback?: (error: unknown) => void;
  /** A name no other store instance has, past or present (randomToken): tells its own repetitions from a client's. */
  readonly instance: string;
  /** Commands in one transaction. */
  readonly batchMax?: number;
  /** Transactions with commands in flight at once. */
  readonly lanesMax?: number;
  /** Commands waiting; one more rejects with an OverloadedError. */
  readonly commandsQueuedMax?: number;
  /** A command that has waited so long rejects with a NeverSentError, ms. */
  readonly commandWaitMsMax?: number;
  /** Shared by all that goes to the same PostgreSQL; its own by default. */
  readonly budget?: RetryBudget;
  readonly retry?: Partial<Pick<RetryPolicy, 'attemptsMax' | 'delayMs' | 'delayMsMax'>>;
}

/**
 * The trip store on PostgreSQL. Commands are group-committed: see GroupCommit and sql/0006-batches-as-sets.sql, which decides them.
 * A command costs one round trip, shared with the others of its batch; `synchronous_commit` stays as the database has it
 * (on), so what is answered is on disk. Every other method is one round trip too.
 */
export class PostgresTripStore implements TripStore {
  readonly #sql: postgres.Sql;
  readonly #replica: ReadReplica | null;
  readonly #retry: RetryPolicy;
  readonly #commands: GroupCommit<CommandDocument, Result<TripChange>>;
  readonly #instance: string;
  readonly #queuedMax: number;
  #submissions = 0;

  constructor(options: PostgresTripStoreOptions) {
    const {
      sql,
      readSql,
      onReadFallback,
      clock,
      prng,
      instance,
      retry,
      budget = new RetryBudget(),
      ...changes
    } = options;
    const limits = { ...TRIP_STORE_DEFAULTS, ...changes };
    const { batchMax, lanesMax } = limits;
    this.#sql = sql;
    this.#replica = readSql
      ? new ReadReplica({ sql: readSql, clock, onFallback: onReadFallback ?? null })
      : null;
    this.#instance = instance;
    this.#retry = { ...RETRY_DEFAULTS, ...retry, clock, prng, budget };
    this.#queuedMax = limits.commandsQueuedMax;
    this.#commands = new GroupCommit({
      run: (batch) => this.#runBatch(batch),
      batchMax,
      lanesMax,
      queuedMax: limits.commandsQueuedMax,
      waitMsMax: limits.commandWaitMsMax,
      clock,
    });
  }

  /** Commands waiting for a batch: the queue's length for metrics and load shedding. */
  get commandsQueued(): number {
    return this.#commands.queued;
  }

  /** How the queue stands: its share of the most it takes, and how long its first command has waited, ms. */
  get backlog(): { readonly queueShare: number; readonly waitingMs: number } {
    return { queueShare: this.#commands.queued / this.#queuedMax, waitingMs: this.#commands.waitingMs };
  }

  /** Commands refused because they had waited too long, since the start. */
  get commandsNeverSent(): number {
    return this.#commands.neverSent;
  }

  /** Reads that may lag and were asked of the primary, because the replica failed, since the start. */
  get readFallbacks(): number {
    return this.#replica?.fallbacks ?? 0;
  }

  async execute(command: TripCommand): Promise<Result<TripChange>> {
    const submission = `${this.#instance}:${++this.#submissions}`;
    return this.#commands.submit(commandDocument(command, submission));
  }

  /** Commits a batch; every command has a key, so one whose answer was lost is simply asked again (R5). */
  async #runBatch(batch: readonly CommandDocument[]): Promise<Settled[]> {
    try {
      const answers = await withRetries(this.#retry, true, () => this.#call(batch));
      return answers.map((value) => ({ status: 'fulfilled', value }));
    } catch (reason) {
      const refused = failureKind(reason) === 'final' && batch.length > 1;
      return refused ? this.#runEachAlone(batch) : batch.map(() => ({ status: 'rejected', reason }));
    }
  }

  /** One command that PostgreSQL refuses (a number out of range, say) must not take its neighbours with it. */
  async #runEachAlone(batch: readonly CommandDocument[]): Promise<Settled[]> {
    const settled: Settled[] = [];
    for (const command of batch) settled.push(...(await this.#runBatch([command])));
    return settled;
  }

  async #call(batch: readonly CommandDocument[]): Promise<Result<TripChange>[]> {
    const [row] = await this.#sql<{ answers: unknown }[]>`
      select run_commands(${JSON.stringify(batch)}::text::jsonb, ${RETRYABLE_CODES as string[]}) as answers`;
    return answerList(row?.answers, batch.length);
  }

  async openOffers(offers: readonly NewOffer[]): Promise<OfferOpening[]> {
    if (offers.length === 0) return [];
    return withRetries(this.#retry, true, async () => {
      const [row] = await this.#sql<{ openings: unknown }[]>`
        select open_offers(${JSON.stringify(offers)}::text::jsonb) as openings`;
      return answerList(row?.openings, offers.length);
    });
  }

  async closeOffers(closings: readonly OfferClosing[]): Promise<Offer[]> {
    const known = closings.filter((closing) => isUuid(closing.offerId));
    if (known.length === 0) return [];
    return withRetries(this.#retry, true, async () => {
      const [row] = await this.#sql<{ closed: unknown }[]>`
        select close_offers(${JSON.stringify(known)}::text::jsonb) as closed`;
      // Of offers that are not there it says nothing.
      return answerList(row?.closed, 0, known.length);
    });
  }

  async trip(tripId: TripId): Promise<Trip | null> {
    const trips = await this.#documents<Trip>(
      (sql) => sql`select trip_document(t) as document from trips t where trip_id = ${idOrNil(tripId)}`,
    );
    return trips[0] ?? null;
  }

  async activeTripOfRider(riderId: RiderId): Promise<Trip | null> {
    const trips = await this.#documents<Trip>(
      (sql) => sql`select trip_document(t) as document from trips t where rider_id = ${riderId}
        and status in ('searching', 'to_pickup', 'at_pickup', 'on_trip')`,
    );
    return trips[0] ?? null;
  }

  async activeTripOfDriver(driverId: DriverId): Promise<Trip | null> {
    const trips = await this.#documents<Trip>(
      (sql) => sql`select trip_document(t) as document from trips t where driver_id = ${driverId}
        and status in ('to_pickup', 'at_pickup', 'on_trip')`,
    );
    return trips[0] ?? null;
  }

  async liveOfferOfDriver(driverId: DriverId): Promise<Offer | null> {
    const offers = await this.#documents<Offer>(
      (sql) => sql`select offer_document(o) as document from offers o
        where driver_id = ${driverId} and status = 'live'`,
    );
    return offers[0] ?? null;
  }

  async searchingTrips(marketId: MarketId, limit: number): Promise<SearchingTrip[]> {
    const found = await this.#documents<{ trip: Trip; excluded: DriverId[]; liveOffers: Offer[] }>(
      (sql) => sql`
        select jsonb_build_object('trip', trip_document(t), 'excluded', coalesce(x.excluded, '[]'),
          'liveOffers', coalesce(x.live, '[]')) as document
        from trips t left join lateral (
          select jsonb_agg(distinct o.driver_id)
              filter (where o.status in ('declined', 'timed_out', 'accepted')) as excluded,
            jsonb_agg(offer_document(o) order by o.offered_at, o.offer_id)
              filter (where o.status = 'live') as live
          from offers o where o.trip_id = t.trip_id) x on true
        where t.market_id = ${marketId} and t.status = 'searching'
        order by t.requested_at, t.trip_id limit ${limit}`,
    );
    return found.map((one) => ({ ...one, excluded: one.excluded.sort() }));
  }

  tripsWithDriver(marketId: MarketId, limit: number): Promise<Trip[]> {
    return this.#documents(
      (sql) => sql`select trip_document(t) as document from trips t
        where market_id = ${marketId} and status in ('to_pickup', 'at_pickup', 'on_trip')
        order by requested_at, trip_id limit ${limit}`,
    );
  }

  eventsOf(tripId: TripId): Promise<TripEvent[]> {
    const id = idOrNil(tripId);
    return this.#laggingDocuments(
      (sql) => sql`select event_document(e) as document from trip_events e
        where month = (select month from trips where trip_id = ${id}) and trip_id = ${id} order by seq`,
    );
  }

  offersOf(tripId: TripId): Promise<Offer[]> {
    return this.#laggingDocuments(
      (sql) => sql`select offer_document(o) as document from offers o
        where trip_id = ${idOrNil(tripId)} order by offered_at, offer_id`,
    );
  }

  async recordDecisions(decisions: readonly Decision[]): Promise<void> {
    if (decisions.length === 0) return;
    // Not repeated when the answer is lost: the explanation would stand there twice.
    await withRetries(
      this.#retry,
      false,
      () => this.#sql`
        insert into match_decisions (trip_id, at, body)
        select (d ->> 'tripId')::uuid, from_unix_ms(d ->> 'atMs'), d -> 'body'
        from jsonb_array_elements(${JSON.stringify(decisions)}::text::jsonb) with ordinality as x (d, n) order by n`,
    );
  }

  decisionsOf(tripId: TripId): Promise<Decision[]> {
    return this.#laggingDocuments(
      (sql) => sql`select jsonb_build_object('tripId', trip_id, 'atMs', unix_ms(at), 'body', body) as document
        from match_decisions where trip_id = ${idOrNil(tripId)} order by decision_id`,
    );
  }

  async appendPath(points: readonly PathPoint[]): Promise<void> {
    if (points.length === 0) return;
    const column = <T>(of: (point: PathPoint) => T): T[] => points.map(of);
    await withRetries(
      this.#retry,
      true,
      () => this.#sql`
        insert into trip_path (month, trip_id, at, lat, lng, speed_mps)
        select t.month, p.trip_id, from_unix_ms(p.at_ms), p.lat, p.lng, p.speed_mps
        from unnest(${column((p) => p.tripId)}::uuid[], ${column((p) => String(p.atMs))}::text[],
          ${column((p) => p.lat)}::float8[], ${column((p) => p.lng)}::float8[],
          ${column((p) => p.speedMps)}::float8[]) as p (trip_id, at_ms, lat, lng, speed_mps)
        join trips t on t.trip_id = p.trip_id
        on conflict do nothing`,
    );
  }

  pathOf(tripId: TripId): Promise<PathPoint[]> {
    const id = idOrNil(tripId);
    return this.#documents(
      (sql) => sql`select jsonb_build_object('tripId', trip_id, 'atMs', unix_ms(at), 'lat', lat, 'lng', lng,
          'speedMps', speed_mps) as document from trip_path
        where month = (select month from trips where trip_id = ${id}) and trip_id = ${id} order by at`,
    );
  }

  async setDuty(duty: Duty): Promise<void> {
    const { driverId, marketId, vehicle, onDuty, sinceMs } = duty;
    // An announcement overtaken by a later one (another replica, another socket) changes nothing.
    await withRetries(
      this.#retry,
      true,
      () => this.#sql`
        insert into drivers as d (driver_id, market_id, vehicle_class, seats, on_duty, since_at)
        values (${driverId}, ${marketId}, ${vehicle.vehicleClass}, ${vehicle.seats}, ${onDuty},
          from_unix_ms(${String(sinceMs)}))
        on conflict (driver_id) do update set market_id = excluded.market_id,
          vehicle_class = excluded.vehicle_class, seats = excluded.seats, on_duty = excluded.on_duty,
          since_at = excluded.since_at
        where d.since_at <= excluded.since_at`,
    );
  }

  async dutyOf(driverId: DriverId): Promise<Duty | null> {
    const duties = await this.#documents<Duty>(
      (sql) => sql`select duty_document(d) as document from drivers d where driver_id = ${driverId}`,
    );
    return duties[0] ?? null;
  }

  driversOnDuty(marketId: MarketId, limit: number): Promise<Duty[]> {
    return this.#documents(
      (sql) => sql`select duty_document(d) as document from drivers d
        where market_id = ${marketId} and on_duty order by since_at, driver_id limit ${limit}`,
    );
  }

  /** Runs a query whose rows have one column, `document`; it must be harmless when run twice. */
  async #documents<T>(query: (sql: postgres.Sql) => postgres.PendingQuery<postgres.Row[]>): Promise<T[]> {
    const rows = await withRetries(this.#retry, true, () => query(this.#sql));
    return rows.map((row) => row.document as T);
  }

  /** As `#documents`, for what may lag. */
  async #laggingDocuments<T>(
    query: (sql: postgres.Sql) => postgres.PendingQuery<postgres.Row[]>,
  ): Promise<T[]> {
    const rows = (await this.#replica?.read(query)) ?? null;
    return rows === null ? this.#documents(query) : rows.map((row) => row.document as T);
  }
}
