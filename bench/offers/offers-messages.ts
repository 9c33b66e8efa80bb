import type { Place } from '../../src/domain/place.ts';

/** The drivers and riders whose offers are timed. */
export interface OffersPlan {
  /** `hexdispatch`, or a name of PEERS. */
  readonly server: string;
  readonly port: number;
  readonly drivers: number;
  readonly riders: number;
  /** They live in a square of `halfSideM` to each side of it. */
  readonly center: Place;
  readonly halfSideM: number;
  readonly seed: number;
}

/** An open loop: what is due is asked for, whatever the server does. Requests come by chance, on average so many a second. */
export interface AskingPlan {
  readonly requestsPerS: number;
  readonly requests: number;
}

/** What became of the requests of one asking. */
export interface AskingFigures {
  /** From the write of the request to the driver’s receipt of its first offer, ms; in the order of the offers. */
  readonly latenciesMs: readonly number[];
  readonly asked: number;
  /** Had a first offer. */
  readonly offered: number;
  /** Told why there would be none, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Due while every rider was still on a ride, and so not asked for. */
  readonly unasked: number;
  /** Fixes that these drivers have sent since they came. */
  readonly fixesSent: number;
}

export type ToOffers =
  | { readonly kind: 'connect'; readonly plan: OffersPlan }
  | { readonly kind: 'ask'; readonly plan: AskingPlan };

export type FromOffers =
  | { readonly kind: 'connected' }
  /** All rides have ended, or some seconds have gone by. */
  | { readonly kind: 'asked'; readonly figures: AskingFigures }
  | { readonly kind: 'failed'; readonly message: string };
