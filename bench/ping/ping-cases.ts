import type { WriteShape } from '../load/driver-frames.ts';

/** One way of sending pings. */
export interface PingCase {
  /** For the report: `1,000 sockets, 1 ping a frame, closed loop`. */
  readonly on: string;
  readonly sockets: number;
  readonly shape: WriteShape;
  /** Null: closed loop. */
  readonly writesPerS: number | null;
  /** Who takes part besides hexdispatch and the bare server; with `nobody` hexdispatch alone. */
  readonly peers: 'all' | 'javascript' | 'none' | 'nobody';
}

const ONE: WriteShape = { framesPerWrite: 1, fixesPerFrame: 1 };
const SIXTEEN_FRAMES: WriteShape = { framesPerWrite: 16, fixesPerFrame: 1 };
const TEN_FIXES: WriteShape = { framesPerWrite: 1, fixesPerFrame: 10 };

function pingCase(
  sockets: number,
  shape: WriteShape,
  writesPerS: number | null,
  peers: PingCase['peers'] = 'none',
): PingCase {
  const how =
    shape.framesPerWrite > 1
      ? `${shape.framesPerWrite} frames a read`
      : `${shape.fixesPerFrame} ping${shape.fixesPerFrame > 1 ? 's' : ''} a frame`;
  const pingsPerS = (writesPerS ?? 0) * shape.framesPerWrite * shape.fixesPerFrame;
  const loop = writesPerS === null ? 'closed loop' : `${pingsPerS.toLocaleString('en')} pings/s`;
  const on = `${sockets.toLocaleString('en')} sockets, ${how}, ${loop}`;
  return { on, sockets, shape, writesPerS, peers };
}

/** The cases that goals are judged on. */
export const ONE_A_READ = pingCase(1_000, ONE, null, 'all');
export const SIXTEEN_A_READ = pingCase(200, SIXTEEN_FRAMES, null);
export const TEN_A_FRAME = pingCase(1_000, TEN_FIXES, null);
export const ONE_A_SECOND = pingCase(5_000, ONE, 5_000, 'javascript');
export const TEN_THOUSAND_A_SECOND = pingCase(10_000, ONE, 10_000);

/** Django takes some 2,000 pings a second: an open loop above would only measure its queue. */
export const PING_CASES: readonly PingCase[] = [
  pingCase(200, ONE, null, 'all'),
  ONE_A_READ,
  pingCase(10_000, ONE, null),
  SIXTEEN_A_READ,
  pingCase(1_000, SIXTEEN_FRAMES, null),
  TEN_A_FRAME,
  pingCase(1_000, ONE, 1_000, 'all'),
  ONE_A_SECOND,
  TEN_THOUSAND_A_SECOND,
];

/** What goals are judged on, peers only where they are part of one. */
export const QUICK_PING_CASES: readonly PingCase[] = [
  ONE_A_READ,
  SIXTEEN_A_READ,
  { ...TEN_A_FRAME, peers: 'nobody' },
  { ...ONE_A_SECOND, peers: 'none' },
];
