import type { PhoneCounts } from '../apps/phone.ts';
import type { RideCounts } from '../demo/ride-book.ts';
import type { ChaosCitySpec } from './chaos-city.ts';
import type { ProbeOutcome } from './probe-rider.ts';

/** What the run tells the process of the clients, over IPC, in this order; `probe` as often as it likes in between. */
export type ToChaosClient =
  /** Come online, then ask for rides; answered with `online`. */
  | { readonly kind: 'start'; readonly start: ChaosStart }
  /** Try the zones, not by way of that server; answered with `probed` for each. */
  | {
      readonly kind: 'probe';
      readonly cause: number;
      readonly zones: readonly string[];
      readonly avoid: number | null;
    }
  /** No more requests, but let all that is open come to its end; answered with `settled`. */
  | { readonly kind: 'settle'; readonly forMsMax: number }
  /** Close every app; answered with `closed`. */
  | { readonly kind: 'close' };

export interface ChaosStart {
  readonly spec: ChaosCitySpec;
  /** The servers, `ws://host:port`, by number. */
  readonly urls: readonly string[];
  readonly secret: string;
  /** New for each run: begins every account's id. */
  readonly runTag: string;
  readonly historyFile: string;
}

/** What the process of the clients tells the run. */
export type FromChaosClient =
  | { readonly kind: 'online' }
  | { readonly kind: 'probed'; readonly cause: number; readonly zone: string; readonly outcome: ProbeOutcome }
  /** Every second from `online` on. */
  | {
      readonly kind: 'stats';
      readonly rides: RideCounts;
      readonly openRides: number;
      readonly openProbes: number;
    }
  /** `openRides`: what has not ended all the same. */
  | { readonly kind: 'settled'; readonly openRides: number; readonly openProbes: number }
  | { readonly kind: 'closed'; readonly report: ChaosClientReport }
  /** It cannot go on; one sentence. */
  | { readonly kind: 'failed'; readonly message: string };

/** What the apps have seen in all. */
export interface ChaosClientReport {
  readonly rides: RideCounts;
  readonly refusedByCode: Readonly<Record<string, number>>;
  readonly phones: { readonly driver: PhoneCounts; readonly rider: PhoneCounts; readonly probe: PhoneCounts };
  readonly troubles: readonly string[];
}
