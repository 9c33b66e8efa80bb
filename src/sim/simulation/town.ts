import type { DriverMessage, RiderMessage, TripView } from '../../protocol/messages.ts';
import type { Prng } from '../../lib/prng.ts';
import type { CityDriver, CityRide } from '../city/city.ts';
import type { CitySpeed } from '../city/city-speed.ts';
import { CityTime } from '../apps/city-time.ts';
import { DriverApp, type DriverSurroundings } from '../apps/driver-app.ts';
import { createPhoneCounts } from '../apps/phone.ts';
import { RiderApp, type RiderSurroundings } from '../apps/rider-app.ts';
import { machineUrl } from '../virtual/network.ts';
import { ENCODINGS } from '../../protocol/codec.ts';
import { downtownSpeed, drawDrivers, drawRides } from './downtown.ts';
import { driverMember, riderMember, type World } from './world.ts';

const COME_ON_DUTY_MS = 20_000;

/** The people of a world and the real apps on their phones. */
export class Town {
  readonly speed: CitySpeed;
  /** Across all connections. */
  readonly phoneCounts = createPhoneCounts();
  private readonly world: World;
  private readonly prng: Prng;
  private readonly drivers: readonly CityDriver[];
  private readonly rides: readonly CityRide[];
  private readonly openRiders = new Set<RiderApp>();
  /** Who can tell the PIN of a trip, whether the app is still open or not. */
  private readonly ridersOfTrips = new Map<string, RiderApp>();

  constructor(world: World, prng: Prng) {
    this.world = world;
    this.prng = prng;
    this.speed = downtownSpeed(world.plan);
    this.drivers = drawDrivers(world.plan, prng.fork());
    this.rides = drawRides(world.plan, prng.fork());
  }

  /** Addresses the apps know. */
  private get servers(): string[] {
    const { replicas, cluster } = this.world.plan;
    return cluster?.appsChoose === true
      ? Array.from({ length: replicas }, (_, number) => machineUrl(number))
      : [];
  }

  /** Riders whose app is open. */
  get ridersUnderWay(): number {
    return this.openRiders.size;
  }

  begin(): void {
    const { clock, plan } = this.world;
    const around = this.driverSurroundings();
    for (const driver of this.drivers) {
      const app = this.newDriver(driver, around);
      clock.after(this.prng.int(COME_ON_DUTY_MS), () => app.start());
    }
    this.rides.forEach((ride, index) => {
      const prng = this.prng.fork();
      const account = `rider-${prng.int(plan.riderAccounts)}`;
      clock.after(ride.requestedMs - plan.startMs, () => this.openRider(ride, `${index}`, account, prng));
    });
  }

  private newDriver(driver: CityDriver, around: DriverSurroundings): DriverApp {
    const { network } = this.world;
    const prng = this.prng.fork();
    const member = driverMember(driver.driverId);
    this.world.enrol(member);
    const { driverId } = driver;
    const vehicle = { vehicleClass: 'economy', seats: 4 } as const;
    const line = network.lineFor<DriverMessage>(member, ENCODINGS[prng.int(2)]!);
    return new DriverApp({ driver, driverId, vehicle, prng, line }, around);
  }

  private openRider(ride: CityRide, runTag: string, riderId: string, prng: Prng): void {
    const { network } = this.world;
    const member = riderMember(riderId);
    this.world.enrol(member);
    const encoding = ENCODINGS[prng.int(2)]!;
    const app = new RiderApp(
      { ride, riderId, prng, line: network.lineFor<RiderMessage>(member, encoding) },
      this.riderSurroundings(runTag),
    );
    this.openRiders.add(app);
    app.start(this.world.plan.habits.rider.quoteLeadMs);
  }

  private driverSurroundings(): DriverSurroundings {
    const { clock, plan } = this.world;
    const cityTime = new CityTime(plan.startMs);
    cityTime.begin(plan.startMs);
    return {
      clock,
      cityTime,
      speed: this.speed,
      utcOffsetMs: 0,
      afterTrip: 'wait',
      habits: plan.habits,
      pingStretch: () => 1,
      noShowMs: plan.noShowMs,
      kerb: { pinOf: (tripId) => this.ridersOfTrips.get(tripId)?.tellPin() ?? null },
      watch: {
        onDuty: () => undefined,
        offered: () => undefined,
        arrived: () => undefined,
        sentFixes: () => undefined,
        // Nobody else has these accounts: a driver sent away for good would earn nothing more.
        stopped: (driverId, why) =>
          this.world.report({ rule: 'R11', tripId: null, detail: `${driverId} had to stop: ${why}` }),
      },
      counts: this.phoneCounts,
      servers: this.servers,
      runTag: 'd',
    };
  }

  private riderSurroundings(runTag: string): RiderSurroundings {
    const { clock, plan } = this.world;
    const knows = (rider: RiderApp, trip: TripView): void => void this.ridersOfTrips.set(trip.tripId, rider);
    return {
      clock,
      habits: plan.habits,
      watch: {
        asked: () => undefined,
        acknowledged: knows,
        refused: () => undefined,
        changed: knows,
        lostSight: () => undefined,
        closed: (rider) => this.openRiders.delete(rider),
      },
      counts: this.phoneCounts,
      servers: this.servers,
      runTag,
    };
  }
}
