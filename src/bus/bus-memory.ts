import { assert } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import type { Bus, BusCounts } from './bus.ts';

/**
 * What becomes of one message on its way to one bus: the delay of each delivery in milliseconds; none = lost, two = repeated. Unequal
 * delays change the order, which Redis does not.
 */
export type Fate = (topic: string, fromBus: string, toBus: string) => readonly number[];

const AT_ONCE: Fate = () => [0];

/** One Redis, as far as the bus goes. Deterministic: all buses and topics in the order in which they were added. */
export class MemoryBusHub {
  private readonly fate: Fate;
  private readonly buses = new Map<string, MemoryBus>();

  constructor(options: { readonly fate?: Fate } = {}) {
    this.fate = options.fate ?? AT_ONCE;
  }

  /** A bus for the replica of this name (for `fate`; one at a time); `clock` is the replica's, by which it hears. */
  connect(name: string, clock: Clock): MemoryBus {
    assert(!this.buses.has(name), `${name} is connected already`);
    const bus = new MemoryBus({
      clock,
      send: (topic, bytes) => this.send(name, topic, bytes),
      closed: () => this.buses.delete(name),
    });
    this.buses.set(name, bus);
    return bus;
  }

  private send(from: string, topic: string, bytes: Uint8Array): void {
    for (const [to, bus] of this.buses) {
      if (!bus.hears(topic)) continue;
      for (const delayMs of this.fate(topic, from, to)) bus.deliver(topic, bytes, delayMs);
    }
  }
}

export class MemoryBus implements Bus {
  readonly counts: BusCounts = { sent: 0, sentBytes: 0, heard: 0, heardBytes: 0, lost: 0 };
  private readonly topics = new Map<string, { readonly heard: (bytes: Uint8Array) => void }>();
  private readonly gaps: (() => void)[] = [];
  private isReachable = true;
  private isClosed = false;
  /** Rises with each cut: what was under way on an earlier connection does not arrive. */
  private connectionNo = 0;
  private readonly clock: Clock;
  private readonly send: (topic: string, bytes: Uint8Array) => void;
  private readonly closed: () => void;

  /** Made by MemoryBusHub.connect. */
  constructor(hub: {
    readonly clock: Clock;
    readonly send: (topic: string, bytes: Uint8Array) => void;
    readonly closed: () => void;
  }) {
    this.clock = hub.clock;
    this.send = hub.send;
    this.closed = hub.closed;
  }

  publish(topic: string, bytes: Uint8Array): void {
    if (!this.isReachable || this.isClosed) {
      this.counts.lost += 1;
      return;
    }
    this.counts.sent += 1;
    this.counts.sentBytes += bytes.length;
    this.send(topic, bytes);
  }

  listen(topic: string, heard: (bytes: Uint8Array) => void): Promise<void> {
    assert(!this.topics.has(topic), `${topic} is listened to already`);
    this.topics.set(topic, { heard });
    if (this.isReachable) return Promise.resolve();
    return Promise.reject(Object.assign(new Error(`could not listen to ${topic}`), { code: 'ECONNREFUSED' }));
  }

  unlisten(topic: string): void {
    this.topics.delete(topic);
  }

  onGap(gap: () => void): void {
    this.gaps.push(gap);
  }

  close(): void {
    this.isClosed = true;
    this.topics.clear();
    this.closed();
  }

  /** Cuts the connection to the hub, or mends it; who waits for the gap hears of that in an event of its own. */
  setReachable(isReachable: boolean): void {
    if (this.isReachable === isReachable) return;
    this.isReachable = isReachable;
    const connectionNo = ++this.connectionNo;
    if (!isReachable) return;
    this.clock.after(0, () => {
      if (this.isClosed || this.connectionNo !== connectionNo) return;
      for (const gap of this.gaps) gap();
    });
  }

  /** For the hub: whether it would send the topic's messages here. */
  hears(topic: string): boolean {
    return this.isReachable && this.topics.has(topic);
  }

  /** For the hub: who listens now hears it then, if still the one who listens, on the same connection. */
  deliver(topic: string, bytes: Uint8Array, delayMs: number): void {
    const { connectionNo } = this;
    const listen = this.topics.get(topic);
    const copy = bytes.slice();
    this.clock.after(delayMs, () => {
      if (listen === undefined || this.topics.get(topic) !== listen) return;
      if (this.connectionNo !== connectionNo) return;
      this.counts.heard += 1;
      this.counts.heardBytes += copy.length;
      listen.heard(copy);
    });
  }
}
