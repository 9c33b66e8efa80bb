import type { Member } from '../../dispatch/desk.ts';
import type { ResumePoint } from '../../gateway/session.ts';
import type { Clock } from '../../lib/clock.ts';
import { assert } from '../../lib/assert.ts';
import { decodeServerMessage, encode, type Encoding } from '../../protocol/codec.ts';
import type { DriverMessage, RiderMessage, ServerMessage } from '../../protocol/messages.ts';
import type { Line, LineEvents, OpenLine } from '../apps/line.ts';
import type { Faults } from './faults.ts';
import type { FrameSink, ServerEnd } from './gateway-door.ts';

export type AppMessage = DriverMessage | RiderMessage;

/** Sees every frame: as it leaves the server or the app, and as it arrives. */
export interface NetworkWatch {
  /** A server's message goes out. What the world does about a wrong one is its own affair. */
  serverSent(member: Member, message: ServerMessage): void;
  appSent(member: Member, message: AppMessage): void;
  appReceived(member: Member, message: ServerMessage): void;
  /** The app has no connection any more, whoever ended it. */
  closed(member: Member): void;
}

/** A server process as connections reach it. */
export interface Doorway {
  open(member: Member, encoding: Encoding, resume: ResumePoint | null, sink: FrameSink): ServerEnd;
  /** Hands in what has come over the network: at once, or when the process is no longer paused. */
  arrive(deliver: () => void): void;
}

/** Where servers are: machines by number, from 0. */
export interface Machines {
  readonly count: number;
  /** Which one a load balancer sends a connection to, made by an app whose last one was at `last`, in vain if `wasRefused`. */
  choose(last: { readonly machine: number; readonly wasRefused: boolean } | null): number;
  /** Who listens there now; null while no server runs. */
  at(machine: number): Doorway | null;
}

/** An app notices a broken connection after at most so long; a server by its idle time-out. */
const APP_NOTICES_MS_MAX = 5_000;
const SERVER_NOTICES_MS_MAX = 60_000;
const RESET_MS_MAX = 500;
const AGAIN_MS_MAX = 30_000;
/** Half of the connections that an app closes vanish without a word to the server. */
const VANISHES = 0.5;

const URL_PREFIX = 'ws://machine-';

/** The base URL of a machine, for apps that choose one themselves. */
export const machineUrl = (machine: number): string => `${URL_PREFIX}${machine}`;

/** Connections between apps and servers: frames are late, in order on one connection, and lost where it breaks. */
export class Network {
  readonly clock: Clock;
  readonly faults: Faults;
  readonly watch: NetworkWatch;
  private readonly machines: Machines;
  private readonly open = new Set<Wire>();

  constructor(options: { clock: Clock; faults: Faults; watch: NetworkWatch; machines: Machines }) {
    this.clock = options.clock;
    this.faults = options.faults;
    this.watch = options.watch;
    this.machines = options.machines;
  }

  /** A line as the apps take it. */
  lineFor<M extends AppMessage>(member: Member, encoding: Encoding): OpenLine<M> {
    return (events) => new NetworkLine<M>(this, member, encoding, events);
  }

  /** The machine a connection goes to: the one that `url` names, or the load balancer's choice. */
  machineFor(url: string | null, before: Wire | null): number {
    if (url !== null) return Number(url.slice(URL_PREFIX.length));
    if (before === null) return this.machines.choose(null);
    return this.machines.choose({ machine: before.machine, wasRefused: !before.wasWelcomed });
  }

  at(machine: number): Doorway | null {
    return this.machines.at(machine);
  }

  /** A server that stands still keeps its connections; where there are others to go to, apps find out. */
  get appsProbe(): boolean {
    return this.machines.count > 1;
  }

  /** A machine's server is gone with all its connections: the apps get resets, or hear nothing for a while. */
  serverDied(machine: number): void {
    for (const wire of [...this.open]) if (wire.machine === machine) wire.serverDied();
  }

  begun(wire: Wire): void {
    this.open.add(wire);
  }

  over(wire: Wire): void {
    this.open.delete(wire);
  }
}

class NetworkLine<M extends AppMessage> implements Line<M> {
  private readonly network: Network;
  private readonly member: Member;
  private readonly encoding: Encoding;
  private readonly events: LineEvents;
  private wire: Wire | null = null;

  constructor(network: Network, member: Member, encoding: Encoding, events: LineEvents) {
    this.network = network;
    this.member = member;
    this.encoding = encoding;
    this.events = events;
    if (network.appsProbe) this.probe = () => this.wire?.probe();
  }

  probe?: () => void;

  open(resume: ResumePoint | null, url: string | null): void {
    assert(this.wire === null || !this.wire.isAppThere, 'a line is opened once');
    const who = { member: this.member, encoding: this.encoding, resume };
    const machine = this.network.machineFor(url, this.wire);
    this.wire = new Wire(this.network, { who, machine }, this.events);
  }

  send(message: M): void {
    this.wire?.sendUp(message);
  }

  close(): void {
    this.wire?.appCloses();
  }
}

/** One connection, from the first packet to the last. */
class Wire implements FrameSink {
  isAppThere = true;
  wasWelcomed = false;
  readonly machine: number;
  private readonly network: Network;
  private readonly who: { member: Member; encoding: Encoding; resume: ResumePoint | null };
  private readonly events: LineEvents;
  private doorway: Doorway | null = null;
  private server: ServerEnd | null = null;
  /** Frames still get through, up and down. */
  private isUpOpen = true;
  private isDownOpen = true;
  private lastUpMs = 0;
  private lastDownMs = 0;

  constructor(network: Network, to: { who: Wire['who']; machine: number }, events: LineEvents) {
    this.network = network;
    this.who = to.who;
    this.machine = to.machine;
    this.events = events;
    network.begun(this);
    this.up(() => this.reachServer());
    const breaksInMs = network.faults.breaksInMs();
    if (breaksInMs !== null) network.clock.after(breaksInMs, () => this.breaks());
  }

  sendUp(message: AppMessage): void {
    if (!this.isAppThere) return;
    const { watch, faults, clock } = this.network;
    watch.appSent(this.who.member, message);
    const content = encode(message, this.who.encoding);
    // A copy: the encoder's buffer is shared, and a Buffer's `slice` would be.
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content);
    this.up(() => this.atServer(() => this.server?.frame(bytes)));
    const isPing = message.t === 'ping' || message.t === 'pings';
    // An app that sends old fixes once more: R8 says that they change nothing.
    if (isPing && faults.happens(faults.plan.pingsAgain))
      clock.after(faults.withinMs(AGAIN_MS_MAX), () =>
        this.up(() => this.atServer(() => this.server?.frame(bytes))),
      );
  }

  /** The network library of a server that runs answers by itself. */
  probe(): void {
    this.up(() =>
      this.atServer(() => {
        if (this.server !== null) this.down(() => this.events.heard());
      }),
    );
  }

  appCloses(): void {
    if (!this.isAppThere) return;
    this.isAppThere = false;
    this.isDownOpen = false;
    const { faults, clock, watch } = this.network;
    watch.closed(this.who.member);
    if (faults.isOn && faults.happens(VANISHES)) {
      this.isUpOpen = false;
      clock.after(faults.withinMs(SERVER_NOTICES_MS_MAX), () => this.serverLoses());
    } else {
      this.up(() => this.serverLoses());
    }
  }

  serverDied(): void {
    this.server = null;
    this.isUpOpen = false;
    this.isDownOpen = false;
    this.network.over(this);
    this.network.clock.after(this.network.faults.withinMs(RESET_MS_MAX), () => this.appLoses(1006));
  }

  frame(content: Uint8Array | string): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const decoded = decodeServerMessage(bytes, this.who.encoding);
    assert(decoded.ok, 'a server sends what its contract says');
    const message = decoded.value;
    this.network.watch.serverSent(this.who.member, message);
    this.down(() => {
      if (message.t === 'welcome') this.wasWelcomed = true;
      this.network.watch.appReceived(this.who.member, message);
      this.events.received(message);
    });
  }

  ended(code: number): void {
    this.server = null;
    this.network.over(this);
    this.down(() => this.appLoses(code));
  }

  private up(arrive: () => void): void {
    const { clock, faults } = this.network;
    this.lastUpMs = Math.max(this.lastUpMs, Math.round(clock.nowMs() + faults.frameDelayMs()));
    clock.after(this.lastUpMs - clock.nowMs(), () => {
      if (this.isUpOpen) arrive();
    });
  }

  private down(arrive: () => void): void {
    const { clock, faults } = this.network;
    this.lastDownMs = Math.max(this.lastDownMs, Math.round(clock.nowMs() + faults.frameDelayMs()));
    clock.after(this.lastDownMs - clock.nowMs(), () => {
      if (this.isDownOpen && this.isAppThere) arrive();
    });
  }

  private reachServer(): void {
    if (!this.isAppThere) return this.network.over(this);
    const { who } = this;
    this.doorway = this.network.at(this.machine);
    if (this.doorway === null) return this.serverDied();
    const { doorway } = this;
    this.atServer(() => {
      // The welcome may go out before `open` returns: it needs no server end.
      this.server = doorway.open(who.member, who.encoding, who.resume, this);
    });
  }

  private atServer(deliver: () => void): void {
    this.doorway?.arrive(deliver);
  }

  private breaks(): void {
    const { clock, faults } = this.network;
    if (!faults.isOn || !this.isUpOpen) return;
    this.isUpOpen = false;
    this.isDownOpen = false;
    clock.after(faults.withinMs(APP_NOTICES_MS_MAX), () => this.appLoses(1006));
    clock.after(faults.withinMs(SERVER_NOTICES_MS_MAX), () => this.serverLoses());
  }

  private serverLoses(): void {
    this.network.over(this);
    this.atServer(() => {
      const { server } = this;
      this.server = null;
      server?.lost();
    });
  }

  private appLoses(code: number): void {
    if (!this.isAppThere) return;
    this.isAppThere = false;
    this.network.watch.closed(this.who.member);
    this.events.closed(code);
  }
}
