import type { MatchMode } from '../../domain/market.ts';
import type { PhoneCounts } from '../apps/phone.ts';
import type { CityCard } from './city-market.ts';
import type { DemoOptions } from './demo-options.ts';
import type { Percentiles } from './latency.ts';
import type { RideCounts } from './ride-book.ts';
import type { DemoClock } from './server-env.ts';

/** What the demo tells the process of its apps, over IPC, in this order. */
export type ToClient =
  /** Load the city; answered with `city`. */
  | {
      readonly kind: 'load';
      readonly options: DemoOptions;
      readonly dataDir: string | null;
      readonly mode: MatchMode;
    }
  /** The server is up: come online; answered with `online` when the fleet is and the city's time runs. */
  | {
      readonly kind: 'go';
      readonly serverUrl: string;
      readonly secret: string;
      readonly runTag: string;
      readonly clock: DemoClock;
    }
  /** No more requests; open trips go on. */
  | { readonly kind: 'stop_asking' }
  /** The measuring is over: answered with `report`, then riders and drivers leave; answered with `closed`. */
  | { readonly kind: 'wrap_up' };

/** What the process of the apps tells the demo. */
export type FromClient =
  | { readonly kind: 'city'; readonly card: CityCard }
  | { readonly kind: 'online'; readonly fixesSent: number }
  /** Twice a second from `online` on. */
  | { readonly kind: 'stats'; readonly stats: ClientStats }
  /** The record's last rider has asked. */
  | { readonly kind: 'asked_all' }
  | { readonly kind: 'report'; readonly report: ClientReport }
  | { readonly kind: 'closed' }
  /** It cannot go on; one sentence. */
  | { readonly kind: 'failed'; readonly message: string };

/** Where things stand, for the live table. */
export interface ClientStats {
  readonly cityMs: number;
  readonly rides: RideCounts;
  readonly openRides: number;
  readonly drivers: { readonly idle: number; readonly moving: number };
  readonly fixesSent: number;
  readonly offerLatency: Percentiles;
  readonly trouble: number;
}

/** What the apps have seen in all. */
export interface ClientReport extends ClientStats {
  readonly pickupWaitsS: readonly number[];
  readonly refusedByCode: Readonly<Record<string, number>>;
  readonly phones: { readonly driver: PhoneCounts; readonly rider: PhoneCounts };
  /** How late the apps' own timers fired, wall ms: high = the apps' process was the bottleneck, not the server. */
  readonly timersLateMs: Percentiles;
  readonly pingStretch: number;
  /** What went wrong on lines, in words, the first few. */
  readonly troubles: readonly string[];
}
