import type { Place } from '../../../src/domain/place.ts';
import type { ResumePoint } from '../../../src/gateway/session.ts';
import type { Clock, Timer } from '../../../src/lib/clock.ts';
import type { OfferView, ServerMessage, Snapshot, TripView } from '../../../src/protocol/messages.ts';
import { HeapClock } from '../../../src/sim/demo/heap-clock.ts';
import type { LineEvents } from '../../../src/sim/apps/line.ts';

/** A clock moved by hand: every timer fires at its own time. */
export class HandClock implements Clock {
  private timeMs: number;
  private readonly heap: HeapClock;

  constructor(startMs: number) {
    this.timeMs = startMs;
    const base: Clock = {
      nowMs: () => this.timeMs,
      after: () => ({ cancel: () => undefined }),
      every: () => ({ cancel: () => undefined }),
    };
    this.heap = new HeapClock(base, 1);
  }

  nowMs(): number {
    return this.timeMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    return this.heap.after(delayMs, fire);
  }

  every(periodMs: number, fire: () => void): Timer {
    return this.heap.every(periodMs, fire);
  }

  /** Lets time pass, in steps. */
  pass(ms: number, stepMs = 50): void {
    const untilMs = this.timeMs + ms;
    while (this.timeMs < untilMs) {
      this.timeMs = Math.min(untilMs, this.timeMs + stepMs);
      this.heap.run();
    }
  }
}

type Sent<M> = M & { readonly atMs: number };
type CommandOf<M> = Extract<M, { id: string }>;

/** The other end of an app's line, in a test's hands. */
export class ScriptedLine<M extends { t: string }> {
  readonly opens: (ResumePoint | null)[] = [];
  /** Where to, open by open. */
  readonly urls: (string | null)[] = [];
  readonly sent: Sent<M>[] = [];
  isOpen = false;
  /** When signs of life were asked for. */
  readonly probes: number[] = [];
  private events: LineEvents | null = null;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** To be given to the app. */
  readonly open = (events: LineEvents) => {
    this.events = events;
    return {
      open: (resume: ResumePoint | null, url: string | null) => {
        this.opens.push(resume);
        this.urls.push(url);
        this.isOpen = true;
      },
      send: (message: M) => {
        this.sent.push({ ...message, atMs: this.clock.nowMs() });
      },
      close: () => {
        this.isOpen = false;
      },
      probe: () => {
        this.probes.push(this.clock.nowMs());
      },
    };
  };

  tell(message: ServerMessage): void {
    this.events!.received(message);
  }

  heard(): void {
    this.events!.heard();
  }

  drop(code: number): void {
    this.isOpen = false;
    this.events!.closed(code);
  }

  welcome(fields: Partial<Extract<ServerMessage, { t: 'welcome' }>> = {}): void {
    const snapshot: Snapshot = { status: null, offer: null, trip: null };
    this.tell({
      ...{ t: 'welcome', epoch: 'e1', seq: 0, resumed: false, serverMs: 0, heartbeatS: 60, snapshot },
      ...fields,
    });
  }

  /** All of that type, repeats included. */
  sends<T extends M['t']>(t: T): Extract<Sent<M>, { t: T }>[] {
    return this.sent.filter((message) => message.t === t) as Extract<Sent<M>, { t: T }>[];
  }

  /** As `sends`, each command once: an app repeats one that is not answered. */
  all<T extends M['t']>(t: T): Extract<Sent<M>, { t: T }>[] {
    const ids = new Set<unknown>();
    return this.sends(t).filter((message) => {
      const { id } = message as { id?: string };
      const isRepeat = id !== undefined && ids.has(id);
      ids.add(id);
      return !isRepeat;
    });
  }

  /** The latest of that type. */
  last<T extends M['t']>(t: T): Extract<Sent<M>, { t: T }> {
    const message = this.sends(t).at(-1);
    if (message === undefined) throw new Error(`no ${t} was sent`);
    return message;
  }

  /** Acknowledges the latest command of that type. */
  ack(t: CommandOf<M>['t'], body: Partial<Extract<ServerMessage, { t: 'ack' }>> = {}): void {
    const { id } = this.last(t) as unknown as { id: string };
    this.tell({ t: 'ack', id, ...body });
  }

  refuse(
    t: CommandOf<M>['t'],
    code: 'unavailable' | 'wrong_pin' | 'offer_gone' | 'wrong_state' | 'outside_area',
  ): void {
    const { id } = this.last(t) as unknown as { id: string };
    this.tell({ t: 'error', id, code, message: code, retryable: code === 'unavailable' });
  }
}

export const PICKUP: Place = { lat: 37.78, lng: -122.41 };
export const DROPOFF: Place = { lat: 37.76, lng: -122.43 };

export function offerView(fields: Partial<OfferView> = {}): OfferView {
  return {
    offerId: '00000000-0000-7000-8000-0000000000f1',
    tripId: '00000000-0000-7000-8000-0000000000a1',
    pickup: PICKUP,
    dropoff: DROPOFF,
    seats: 1,
    etaS: 60,
    fareMinor: 1000,
    currency: 'USD',
    expiresMs: 1e13,
    ...fields,
  };
}

export function tripView(fields: Partial<TripView> = {}): TripView {
  return {
    tripId: '00000000-0000-7000-8000-0000000000a1',
    status: 'searching',
    version: 1,
    pickup: PICKUP,
    dropoff: DROPOFF,
    vehicleClass: 'economy',
    seats: 1,
    quote: {
      fareMinor: 1000,
      currency: 'USD',
      distanceM: 3000,
      durationS: 600,
      lines: [{ kind: 'base', amountMinor: 1000 }],
    },
    driverId: null,
    riderId: 'rider-1',
    pin: '1234',
    driverAt: null,
    etaS: null,
    requestedMs: 1,
    acceptedMs: null,
    arrivedMs: null,
    startedMs: null,
    endedMs: null,
    distanceM: null,
    fareMinor: null,
    fareLines: null,
    endedBy: null,
    endReason: null,
    ...fields,
  };
}
