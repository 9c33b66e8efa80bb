import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { unreachable } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import { uniform } from '../apps/chance.ts';

/**
 * What a link does to what goes through it. `cut`: connections are reset, new ones too. `frozen`: nothing goes through and
 * nobody is told, as with a cable pulled; once mended it goes on where it stopped. `slow`: every piece is late by a time
 * within `delayMs`, order kept.
 */
export type LinkMode =
  | { readonly kind: 'pass' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'frozen' }
  | { readonly kind: 'slow'; readonly delayMs: readonly [number, number] };

export interface FaultyLinkOptions {
  /** Port of the loopback interface that the link leads to. */
  readonly targetPort: number;
  readonly clock: Clock;
  readonly prng: Prng;
}

/** Bytes under way in one direction of one connection; beyond it the sender has to wait, as on a full line. */
const QUEUED_BYTES_MAX = 256 * 1024;

/** The way of one process to one other, over TCP, with faults on demand. Bytes are passed on unread. */
export class FaultyLink {
  private readonly options: FaultyLinkOptions;
  private readonly server: Server;
  private readonly lanes = new Set<Lane>();
  private mode: LinkMode = { kind: 'pass' };

  private constructor(options: FaultyLinkOptions) {
    this.options = options;
    // A sender may close its half and still read: that, too, is passed on.
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.accept(near));
  }

  /** A link that listens, on a port of its own. */
  static async open(options: FaultyLinkOptions): Promise<FaultyLink> {
    const link = new FaultyLink(options);
    link.server.listen(0, '127.0.0.1');
    await once(link.server, 'listening');
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  set(mode: LinkMode): void {
    this.mode = mode;
    if (mode.kind === 'cut') this.reset();
    else for (const lane of this.lanes) lane.modeIs(mode);
  }

  /** Resets every connection; new ones are taken as the mode says. */
  reset(): void {
    for (const lane of [...this.lanes]) lane.end();
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.reset();
    await closed;
  }

  private accept(near: Socket): void {
    const { mode, options } = this;
    if (mode.kind === 'cut') return void near.resetAndDestroy();
    const far = connect({
      port: options.targetPort,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    });
    const ended = (): void => {
      this.lanes.delete(there);
      this.lanes.delete(back);
      drop(near);
      drop(far);
    };
    const there = new Lane({ from: near, to: far, ended, ...options });
    const back = new Lane({ from: far, to: near, ended, ...options });
    for (const lane of [there, back]) {
      this.lanes.add(lane);
      lane.modeIs(mode);
    }
  }
}

/** With a reset where it is still open for writing: libuv does not reset what is shutting down, and Node then never closes it. */
function drop(socket: Socket): void {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

interface LaneOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly ended: () => void;
}

interface Piece {
  /** Null: the sender's end. */
  readonly bytes: Buffer | null;
  readonly dueMs: number;
}

/** One direction of a connection. */
class Lane {
  private readonly options: LaneOptions;
  private mode: LinkMode = { kind: 'pass' };
  private readonly queue: Piece[] = [];
  private queuedBytes = 0;
  private isFull = false;
  private isWaiting = false;
  private hasEnded = false;

  constructor(options: LaneOptions) {
    const { from, to } = options;
    this.options = options;
    from.on('data', (bytes: Buffer) => this.take(bytes));
    from.on('end', () => this.take(null));
    // 'close' follows.
    from.on('error', () => undefined);
    from.on('close', (hadError) => {
      if (hadError || this.queue.length === 0) this.end();
    });
    to.on('drain', () => {
      this.isFull = false;
      this.pump();
    });
  }

  modeIs(mode: LinkMode): void {
    this.mode = mode;
    this.pump();
    this.throttle();
  }

  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.queue.length = 0;
    this.options.ended();
  }

  private take(bytes: Buffer | null): void {
    const { clock } = this.options;
    const lastMs = this.queue.at(-1)?.dueMs ?? 0;
    this.queue.push({ bytes, dueMs: Math.max(lastMs, clock.nowMs() + this.delayMs()) });
    this.queuedBytes += bytes?.length ?? 0;
    this.pump();
    this.throttle();
  }

  private delayMs(): number {
    const { mode } = this;
    switch (mode.kind) {
      case 'slow':
        return uniform(this.options.prng, mode.delayMs);
      case 'pass':
      case 'cut':
      case 'frozen':
        return 0;
      default:
        return unreachable(mode);
    }
  }

  /** Hands over what is due, as far as the receiver takes it. */
  private pump(): void {
    const { to, clock } = this.options;
    while (!this.hasEnded && !this.isFull && this.mode.kind !== 'frozen') {
      const [next] = this.queue;
      if (next === undefined) break;
      const waitMs = next.dueMs - clock.nowMs();
      if (waitMs > 0) return this.pumpIn(waitMs);
      this.queue.shift();
      this.queuedBytes -= next.bytes?.length ?? 0;
      if (next.bytes === null) to.end();
      else this.isFull = !to.write(next.bytes);
    }
    if (this.hasEnded) return;
    if (this.queue.length === 0 && this.options.from.closed) this.end();
    else this.throttle();
  }

  private pumpIn(waitMs: number): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.options.clock.after(waitMs, () => {
      this.isWaiting = false;
      this.pump();
    });
  }

  private throttle(): void {
    if (this.queuedBytes > QUEUED_BYTES_MAX || this.mode.kind === 'frozen') this.options.from.pause();
    else this.options.from.resume();
  }
}
