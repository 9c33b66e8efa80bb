import type { Subject } from '../suite/row.ts';

/** Which drivers a load process has, and where they connect. */
export interface IdlePlan {
  readonly subject: Subject;
  readonly port: number;
  /** Drivers `first` to `first + count - 1`. */
  readonly first: number;
  readonly count: number;
  /** Where their sockets come from; null = wherever the system likes, which costs it less: a bind looks for a free port among all in use. */
  readonly localAddress: string | null;
}

/** Orders to a load process: `connect` is answered `connected`, then `go_on_duty` is answered `on_duty`. It ends with its parent. */
export type ToIdle = { readonly kind: 'connect'; readonly plan: IdlePlan } | { readonly kind: 'go_on_duty' };

export type FromIdle =
  | { readonly kind: 'connected' }
  | { readonly kind: 'on_duty' }
  /** An order could not be carried out, or a socket was lost. */
  | { readonly kind: 'failed'; readonly message: string };
