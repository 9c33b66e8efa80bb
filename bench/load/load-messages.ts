import type { WriteShape } from './driver-frames.ts';

/** Who is loaded, and with what. */
export interface LoadPlan {
  /** How the server is spoken to: speech.ts. */
  readonly speech: string;
  readonly port: number;
  readonly sockets: number;
  readonly shape: WriteShape;
  readonly seed: number;
}

/** What a load process has done so far. */
export interface LoadFigures {
  /** Fixes sent. */
  readonly sent: number;
  /** Fixes that were sent in bringing the drivers on duty, beside `sent`. */
  readonly sentBefore: number;
  /** CPU time of the load process itself, µs. */
  readonly cpuUs: number;
  /** Open loop: how far it was behind its own plan at most. */
  readonly lateMsMax: number;
}

/** Orders to a load process. After `connect` it answers `connected`; to `report` and `halt` with `figures`. */
export type ToLoad =
  | { readonly kind: 'connect'; readonly plan: LoadPlan }
  /** Closed loop: at most one write of each socket is unread. */
  | { readonly kind: 'flood' }
  /** Open loop: what is due is written, whatever the server does. */
  | { readonly kind: 'stream'; readonly writesPerS: number }
  | { readonly kind: 'report' }
  | { readonly kind: 'halt' };

export type FromLoad =
  | { readonly kind: 'connected' }
  | { readonly kind: 'figures'; readonly figures: LoadFigures }
  | { readonly kind: 'failed'; readonly message: string };
