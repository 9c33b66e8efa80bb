import type { RawSocket } from './raw-socket.ts';
import type { WriteShape } from './driver-frames.ts';
import type { Prng } from '../../src/lib/prng.ts';

/** One driver's socket, ready to send fixes. */
export interface LoadedDriver {
  readonly socket: RawSocket;
  /** Bytes of the next write; good to be written at once, written over by the next call. */
  next(nowMs: number): Uint8Array;
}

/** How one kind of server is spoken to. */
export interface Speech {
  /**
   * Connects driver number `n`, and brings them on duty where there is such a thing. `prng`: one of this driver's own, the same in each trial. From no address
   * in particular, so that a server can have some 28,000 of them: where an address is asked for, the kernel looks for a port among all in use, which takes it ten times
   * as long as all else in connecting.
   */
  join(options: { port: number; n: number; shape: WriteShape; prng: () => Prng }): Promise<LoadedDriver>;
  /**
   * Fixes that `join` itself sends. One frame for every kind of server alike: a socket that was sent something and had nothing to say to it makes Linux
   * acknowledge each later read at once (it is no dialogue), which costs the reader 2 µs. The first write of a trial would find some sockets so and some not.
   */
  fixesToJoin(shape: WriteShape): number;
  /**
   * How the closed loop learns that the server has dealt with what it was sent. Null: by a WebSocket ping after a group's writes, which a server that deals with
   * a frame at once answers after it. Else a function that asks, on a socket of its own, how many fixes were stored so far.
   */
  readonly openCounter: ((port: number) => Promise<() => Promise<number>>) | null;
}
