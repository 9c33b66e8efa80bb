import type postgres from 'postgres';
import type { DriverId, MarketId, OfferId, RiderId, TripId } from '../../src/domain/ids.ts';
import type { Result } from '../../src/domain/rejection.ts';
import { commandKey } from '../../src/dispatch/command-key.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { randomPin, randomToken, randomUuidV7 } from '../../src/lib/entropy.ts';
import type { Prng } from '../../src/lib/prng.ts';
import { GroupCommit } from '../../src/store/group-commit.ts';
import { PostgresTripStore } from '../../src/store/trip-store-postgres.ts';
import type { NewOffer, NewTrip, OfferOpening, TripChange, TripCommand } from '../../src/store/trip-store.ts';
import type { LoadMeter } from './load-meter.ts';

export interface WholeTripsOptions {
  readonly sql: postgres.Sql;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly meter: LoadMeter;
  /** Trips under way at once; one that ends makes room for the next. */
  readonly atOnce: number;
  readonly batchMax: number;
  readonly lanesMax: number;
}

const MARKET = 'san-francisco' as MarketId;
const OFFER_TTL_MS = 15_000;
/** Never reached: the trips under way are fewer. */
const QUEUED_MAX = 100_000;
/** A benchmark waits for what it measures, however slow. */
const WAIT_MS_MAX = 60_000;

/**
 * Riders and drivers who take whole trips through the trip store without a pause: request, offer, accept, arrived, started, completed with a
 * fare. The commands are those of the engine's desks, keys and fingerprints with them; offers go out as a tick's do, all that wait in one
 * call. Counted are the five changes of the trip itself (R4: each with an event), so what its offer costs is theirs.
 */
export class WholeTrips {
  readonly #options: WholeTripsOptions;
  readonly #store: PostgresTripStore;
  readonly #offers: GroupCommit<NewOffer, OfferOpening>;
  /** Last version acknowledged of each trip. */
  readonly #acknowledged = new Map<TripId, { readonly version: number; readonly status: string }>();
  #isHalted = false;

  constructor(options: WholeTripsOptions) {
    const { sql, clock, prng, batchMax, lanesMax } = options;
    this.#options = options;
    const waits = { commandsQueuedMax: QUEUED_MAX, commandWaitMsMax: WAIT_MS_MAX };
    const instance = randomToken(8);
    this.#store = new PostgresTripStore({ sql, clock, prng, instance, batchMax, lanesMax, ...waits });
    this.#offers = new GroupCommit({
      run: (batch) => this.#open(batch),
      // A market has one tick at a time; alone each offer has its own transaction.
      ...{ batchMax: batchMax === 1 ? 1 : 1_000, lanesMax: batchMax === 1 ? lanesMax : 1 },
      ...{ queuedMax: QUEUED_MAX, waitMsMax: WAIT_MS_MAX, clock },
    });
  }

  /** Resolves some time after `halt`: each trip stops after the step it is at. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.atOnce }, (_, seat) => this.#rideOnAndOn(seat)));
  }

  halt(): void {
    this.#isHalted = true;
  }

  /** Rejects unless every trip stands as it was last acknowledged, with an event for each of its versions, and no other trip is there. */
  async check(): Promise<void> {
    const rows = await this.#options.sql<
      { tripId: TripId; version: number; status: string; events: number }[]
    >`
      select t.trip_id as "tripId", t.version, t.status, count(*)::integer as events
      from trips t join trip_events e on e.month = t.month and e.trip_id = t.trip_id group by t.trip_id`;
    if (rows.length !== this.#acknowledged.size)
      throw new Error(`${this.#acknowledged.size} trips acknowledged, ${rows.length} stored`);
    for (const { tripId, version, status, events } of rows) {
      const last = this.#acknowledged.get(tripId);
      if (last?.version !== version || last.status !== status || events !== version)
        throw new Error(
          `trip ${tripId}: acknowledged ${last?.status} ${last?.version}, stored ${status} ${version}, ${events} events`,
        );
    }
  }

  async #rideOnAndOn(seat: number): Promise<void> {
    const riderId = `rider-${seat}` as RiderId;
    const driverId = `driver-${seat}` as DriverId;
    for (let trips = 0; !this.#isHalted; trips++) {
      for (const step of this.#stepsOf(riderId, driverId, `${seat}-${trips}`)) {
        await step();
        if (this.#isHalted) return;
      }
    }
  }

  #stepsOf(riderId: RiderId, driverId: DriverId, id: string): (() => Promise<unknown>)[] {
    const { clock } = this.#options;
    const nowMs = (): number => clock.nowMs();
    const trip = this.#newTrip(riderId);
    const { tripId, pin } = trip;
    const offer = { offerId: randomUuidV7(nowMs()) as OfferId, tripId, driverId, etaS: 123.5 };
    const key = (t: string, fields: object) => commandKey(driverId, { id: `${t}-${id}`, t, ...fields });
    const moveOn = (event: 'arrived' | 'started' | 'completed', fields: object): Promise<unknown> =>
      this.#change({
        ...{ kind: 'transition', key: key(event, { tripId, ...fields }), event, tripId },
        ...{ actor: 'driver', actorId: driverId, atMs: nowMs(), ...fields },
      });
    return [
      () => this.#change({ kind: 'request', key: commandKey(riderId, { ...trip, id, t: 'request' }), trip }),
      () => this.#offer({ ...offer, offeredMs: nowMs(), expiresMs: nowMs() + OFFER_TTL_MS }),
      () =>
        this.#change({
          ...{ kind: 'accept', key: key('accept', { offerId: offer.offerId }) },
          ...{ offerId: offer.offerId, driverId, atMs: nowMs() },
        }),
      () => moveOn('arrived', {}),
      () => moveOn('started', { pin }),
      () => moveOn('completed', { distanceM: 21_034.5, fareLines: [{ kind: 'base', amountMinor: 4_250 }] }),
    ];
  }

  #newTrip(riderId: RiderId): NewTrip {
    const { clock, prng } = this.#options;
    const place = () => ({ lat: 37.6 + prng.float() * 0.2, lng: -122.5 + prng.float() * 0.2 });
    return {
      ...{ tripId: randomUuidV7(clock.nowMs()) as TripId, marketId: MARKET, riderId },
      ...{ vehicleClass: 'economy', seats: 1, pickup: place(), dropoff: place(), pin: randomPin() },
      quote: {
        fareMinor: 4_250,
        currency: 'USD',
        distanceM: 21_034.5,
        durationS: 1_530.25,
        lines: [{ kind: 'base', amountMinor: 4_250 }],
        terms: null,
      },
      requestedMs: clock.nowMs(),
    };
  }

  async #change(command: TripCommand): Promise<void> {
    const result: Result<TripChange> = await this.#options.meter.timed(() => this.#store.execute(command));
    if (!result.ok) throw new Error(`${command.kind} was refused: ${result.code} ${result.detail ?? ''}`);
    const { tripId, version, status } = result.value.trip;
    this.#acknowledged.set(tripId, { version, status });
  }

  async #offer(offer: NewOffer): Promise<void> {
    const opening = await this.#offers.submit(offer);
    if (!opening.opened) throw new Error(`an offer was refused: ${opening.why}`);
  }

  async #open(batch: readonly NewOffer[]): Promise<PromiseSettledResult<OfferOpening>[]> {
    const [opened] = await Promise.allSettled([this.#store.openOffers(batch)]);
    if (opened.status === 'rejected') return batch.map(() => opened);
    return opened.value.map((value) => ({ status: 'fulfilled', value }));
  }
}
