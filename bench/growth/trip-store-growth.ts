import postgres from 'postgres';
import type { DriverId, RiderId, TripId } from '../../src/domain/ids.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { randomToken } from '../../src/lib/entropy.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { openPostgres } from '../../src/postgres-pool.ts';
import type { PrivateStores } from '../../src/private-stores.ts';
import { migrate } from '../../src/store/migrate-postgres.ts';
import { PostgresTripStore } from '../../src/store/trip-store-postgres.ts';
import { quantileOf } from '../suite/figures.ts';
import { familyCpuUsOf } from '../suite/process-usage.ts';
import { fillFinishedTrips } from './finished-trips.ts';
import { Rides, TRANSITIONS_PER_RIDE } from './rides.ts';

/** Riders and drivers at work at once: enough for batches in both lanes. */
const CALLERS = 64;
/** Trips that are searching, and as many that have a driver, while the store is read. */
const OPEN_TRIPS = 200;
const READS = 500;
const SWEEPS = 20;

export interface TripStoreFigures {
  readonly transitionsPerS: number;
  readonly postgresUsPerTransition: number;
  /** Medians of single reads, one after the other, µs. */
  readonly readUs: Readonly<Record<'trip by id' | "rider's active trip" | "driver's active trip", number>>;
  readonly sweepUs: number;
}

/** A trip store with so many finished trips in it, in a database of its own. */
export class GrownTripStore {
  private readonly sql: postgres.Sql;
  private readonly store: PostgresTripStore;
  private readonly rides: Rides;
  private readonly postgresPid: number;
  private readonly open: { tripId: TripId; riderId: RiderId; driverId: DriverId }[] = [];

  /** `stores` is PostgreSQL of the benchmark's own: a database is made in it, and goes with it. */
  static async create(
    stores: PrivateStores,
    trips: number,
    seed: number,
    clock: Clock,
  ): Promise<GrownTripStore> {
    const name = `trips_${trips}`;
    const admin = postgres(stores.databaseUrl!, { max: 1, onnotice: () => undefined });
    await admin.unsafe(`create database ${name}`).finally(() => admin.end());
    const url = new URL(stores.databaseUrl!);
    url.pathname = `/${name}`;
    const filler = postgres(url.href, { max: 1, onnotice: () => undefined });
    try {
      await migrate(filler);
      await fillFinishedTrips(filler, trips, clock.nowMs());
    } finally {
      await filler.end();
    }
    const prng = createPrng(seed);
    const sql = openPostgres(url.href, { poolMax: 10, log: SILENT_LOG, prng, clock });
    const grown = new GrownTripStore({ sql, clock, prng, postgresPid: stores.pids['postgres']! });
    await grown.openTrips();
    return grown;
  }

  private constructor(parts: {
    sql: postgres.Sql;
    clock: Clock;
    prng: ReturnType<typeof createPrng>;
    postgresPid: number;
  }) {
    const { sql, clock, prng } = parts;
    this.sql = sql;
    this.postgresPid = parts.postgresPid;
    this.store = new PostgresTripStore({ sql, clock, prng, instance: randomToken(8) });
    this.rides = new Rides(this.store, clock);
  }

  /** Whole rides for so long, then reads; rejects when a command is refused, or a read does not find what is there. */
  async trial(ridesMs: number): Promise<TripStoreFigures> {
    const cpuUs = await familyCpuUsOf(this.postgresPid);
    const beganMs = performance.now();
    let rides = 0;
    const caller = async (): Promise<void> => {
      for (; performance.now() - beganMs < ridesMs; rides++) await this.rides.whole();
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    const transitions = rides * TRANSITIONS_PER_RIDE;
    const durationS = (performance.now() - beganMs) / 1_000;
    const usedUs = (await familyCpuUsOf(this.postgresPid)) - cpuUs;
    const { store } = this;
    const one = (i: number) => this.open[i % this.open.length]!;
    return {
      transitionsPerS: transitions / durationS,
      postgresUsPerTransition: usedUs / transitions,
      readUs: {
        'trip by id': await medianUs(READS, async (i) => (await store.trip(one(i).tripId)) !== null),
        "rider's active trip": await medianUs(
          READS,
          async (i) => (await store.activeTripOfRider(one(i).riderId)) !== null,
        ),
        "driver's active trip": await medianUs(
          READS,
          async (i) => (await store.activeTripOfDriver(one(i).driverId)) !== null,
        ),
      },
      sweepUs: await medianUs(SWEEPS, async () => (await this.rides.searching()).length === OPEN_TRIPS),
    };
  }

  async stop(): Promise<void> {
    await this.sql.end({ timeout: 5 });
  }

  private async openTrips(): Promise<void> {
    for (let n = 0; n < OPEN_TRIPS; n++) {
      await this.rides.request();
      const { trip, driverId } = await this.rides.accepted();
      this.open.push({ tripId: trip.tripId, riderId: trip.riderId, driverId });
    }
  }
}

async function medianUs(times: number, read: (i: number) => Promise<boolean>): Promise<number> {
  const us: number[] = [];
  for (let i = 0; i < times; i++) {
    const startMs = performance.now();
    if (!(await read(i))) throw new Error('a read did not find what is in the store');
    us.push((performance.now() - startMs) * 1_000);
  }
  return quantileOf(us, 0.5);
}
