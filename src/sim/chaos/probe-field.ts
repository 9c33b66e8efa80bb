import { destination, type Place } from '../../domain/place.ts';
import { assert } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import type { DriverMessage } from '../../protocol/messages.ts';
import type { PhoneHabits } from '../apps/habits.ts';
import type { Line, LineEvents } from '../apps/line.ts';
import { createPhoneCounts } from '../apps/phone.ts';
import type { NamedZone } from './chaos-city.ts';
import type { HistoryWriter } from './history.ts';
import { ProbeDriver } from './probe-driver.ts';
import { type ProbeOutcome, ProbeRider } from './probe-rider.ts';

export interface ProbeFieldOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly history: HistoryWriter;
  readonly zones: readonly NamedZone[];
  readonly urls: readonly string[];
  readonly runTag: string;
  readonly habits: PhoneHabits;
  readonly token: (riderId: string) => Promise<string>;
  readonly line: (driverId: string, events: LineEvents) => Line<DriverMessage>;
}

const DRIVER_M = 150;
const RIDE_M = 800;

/**
 * One free driver in every zone on every replica: whichever fails, a rider in the zone has a free driver near whose line
 * is good. So how long a probe waits for its offer is how long the zone is without an owner that serves it.
 */
export class ProbeField {
  readonly counts = createPhoneCounts();
  private readonly options: ProbeFieldOptions;
  private readonly centres: ReadonlyMap<string, Place>;
  private readonly drivers: ProbeDriver[] = [];
  private readonly waiting = new Map<string, () => void>();
  /** Of probes that are open; an offer may be faster than the acknowledgement of its request. */
  private readonly offered = new Set<string>();
  private riders = 0;
  private offDuty = 0;
  private open = 0;
  private onOnline: (() => void) | null = null;

  constructor(options: ProbeFieldOptions) {
    this.options = options;
    this.centres = new Map(options.zones.map(({ zone, centre }) => [zone, centre]));
    for (const zone of options.zones) options.urls.forEach((_, replica) => this.addDriver(zone, replica));
  }

  /** Probes whose ride has not ended. */
  get openCount(): number {
    return this.open;
  }

  /** Resolves when all its drivers are on duty. */
  comeOnline(): Promise<void> {
    this.offDuty = this.drivers.length;
    return new Promise((resolve) => {
      this.onOnline = resolve;
      for (const driver of this.drivers) driver.start();
    });
  }

  /** Sends a rider into the zone, who asks any server but `avoid` (where there is another). */
  probe(zone: string, avoid: number | null, told: (outcome: ProbeOutcome) => void): void {
    const centre = this.centres.get(zone);
    assert(centre !== undefined, 'only zones of the city are probed');
    const { clock, prng, history, token, runTag, urls } = this.options;
    const others = urls.filter((_, replica) => replica !== avoid);
    const who = `${runTag}.probe-${this.riders++}`;
    this.open += 1;
    void token(who)
      .then((text) =>
        new ProbeRider({
          ...{ clock, prng: prng.fork(), history, who, token: text },
          urls: (others.length > 0 ? others : urls).map((url) => url.replace('ws:', 'http:')),
          pickup: centre,
          dropoff: destination(centre, prng.float() * 360, RIDE_M),
          offerOf: (tripId) => this.offerOf(tripId),
        }).run(told),
      )
      .finally(() => (this.open -= 1));
  }

  close(): void {
    for (const driver of this.drivers) driver.stop();
  }

  private addDriver({ zone, centre }: NamedZone, replica: number): void {
    const { clock, prng, habits, line, runTag, urls } = this.options;
    const driverId = `${runTag}.probe-${zone}-${replica}`;
    const bearingDeg = (360 * replica) / urls.length;
    this.drivers.push(
      new ProbeDriver({
        ...{ clock, prng: prng.fork(), habits, counts: this.counts, idPrefix: driverId.slice(-48) },
        place: destination(centre, bearingDeg, DRIVER_M),
        servers: [urls[replica]!],
        line: (events) => line(driverId, events),
        offered: (tripId) => this.offerSeen(tripId),
        onDuty: () => this.cameOnline(),
      }),
    );
  }

  private cameOnline(): void {
    this.offDuty -= 1;
    if (this.offDuty === 0) this.onOnline?.();
  }

  private offerOf(tripId: string): Promise<void> {
    if (this.offered.delete(tripId)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.set(tripId, resolve));
  }

  private offerSeen(tripId: string): void {
    const resolve = this.waiting.get(tripId);
    if (resolve === undefined) this.offered.add(tripId);
    else resolve();
    this.waiting.delete(tripId);
  }
}
