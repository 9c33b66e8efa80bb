import type { EngineLimits } from '../../dispatch/engine.ts';
import type { News, PeerDesk } from '../../dispatch/peers.ts';
import type { Zone } from '../../domain/cell.ts';
import type { Offer } from '../../domain/offer.ts';
import type { Claims } from '../../geo/claims.ts';
import type { Clock } from '../../lib/clock.ts';
import { MemoryTripStore, type TripStoreCanary } from '../../store/trip-store-memory.ts';
import type { TripStore } from '../../store/trip-store.ts';

/**
 * Bugs put in on purpose, to prove that the simulation would notice (`--canary NAME`): the first five live in the memory store
 * (see TripStoreCanary), the last three in what other replicas find here, the others between the engine and its stores.
 */
export const CANARIES = {
  double_accept: 'an acceptance does not look whether its offer is live and its trip searching',
  busy_driver: 'a driver with an active trip is offered, and may accept, another',
  two_offers: 'a driver may have several live offers',
  offer_again: 'a driver who declined is offered the trip again',
  no_version_check: 'a trip is changed whatever has become of it since',
  announce_before_persist: 'offers are announced before they are stored',
  forget_keys: 'idempotency keys are not looked up',
  lose_requests: 'some requests are acknowledged and not stored',
  trust_silence: 'drivers not heard for long are still candidates',
  keep_offers: 'offers that nobody answers never end',
  claims_off: 'every claim of a driver is said to be won',
  ignore_losses: 'what lost news may have said is not looked up (several replicas)',
  no_take_over:
    'what is searching in zones that are new to a replica is left to the regular sweep (several replicas)',
  keep_seats: 'a seat is not given up for a newer one elsewhere (several replicas)',
} as const;

export type Canary = keyof typeof CANARIES;

export const isCanary = (name: string): name is Canary => Object.hasOwn(CANARIES, name);

const IN_STORE: readonly string[] = [
  'double_accept',
  'busy_driver',
  'two_offers',
  'offer_again',
  'no_version_check',
];
const AMONG_REPLICAS: readonly string[] = ['ignore_losses', 'no_take_over', 'keep_seats'];

/** True for a bug that shows only where there are several replicas. */
export const needsReplicas = (canary: Canary): boolean => AMONG_REPLICAS.includes(canary);
const PERSISTED_LATE_MS = 400;
const EVERY_NTH_REQUEST = 10;

/** The store of a world, sick where the canary lives in it. */
export function createCanaryStore(canary: Canary | null): MemoryTripStore {
  const isInStore = canary !== null && IN_STORE.includes(canary);
  return new MemoryTripStore(isInStore ? { canary: canary as TripStoreCanary } : {});
}

export function canaryLimits(canary: Canary | null, limits: EngineLimits): EngineLimits {
  return canary === 'trust_silence' ? { ...limits, staleMs: 10 * limits.staleMs } : limits;
}

/** What the engine sees of the store, with the canary's lie in between. */
export function sickened(canary: Canary | null, store: TripStore, clock: Clock): TripStore {
  const changes = liesOf(canary, store, clock);
  return changes === null ? store : { ...store, ...changes };
}

/** What the engine sees of the claims. */
export function sickenedClaims(canary: Canary | null, claims: Claims): Claims {
  if (canary !== 'claims_off') return claims;
  return { claim: (requests) => Promise.resolve(requests.map(() => true)), release: () => Promise.resolve() };
}

/** What a desk does without looking for what is searching in its zones. */
export interface SweeplessDesk {
  ownZones(zones: ReadonlySet<Zone>): void;
  lostTrack(): void;
}

/** What other replicas find at this one. */
export function sickenedDesk(canary: Canary | null, desk: PeerDesk, sweepless: SweeplessDesk): PeerDesk {
  const isSeat = (news: News): boolean => news.kind === 'driver_seated' || news.kind === 'rider_seated';
  return {
    learn: (news, from) => {
      if (canary !== 'keep_seats' || !isSeat(news)) desk.learn(news, from);
    },
    driverAt: (...args) => desk.driverAt(...args),
    nearby: (...args) => desk.nearby(...args),
    hosted: (...args) => desk.hosted(...args),
    get openRequests() {
      return desk.openRequests;
    },
    ownZones: (zones) => {
      if (canary === 'no_take_over') sweepless.ownZones(zones);
      else desk.ownZones(zones);
    },
    lostTrack: () => {
      if (canary === 'no_take_over') sweepless.lostTrack();
      else if (canary !== 'ignore_losses') desk.lostTrack();
    },
    peerGone: (...args) => desk.peerGone(...args),
  };
}

function liesOf(canary: Canary | null, store: TripStore, clock: Clock): Partial<TripStore> | null {
  let calls = 0;
  switch (canary) {
    case 'announce_before_persist':
      return {
        async openOffers(offers) {
          // Nobody waits for the late write, and a faulty store may refuse it: the lie is the answer below.
          clock.after(PERSISTED_LATE_MS, () => void store.openOffers(offers).catch(() => undefined));
          const live = { status: 'live', answeredMs: null } as const;
          return offers.map((offer) => ({ opened: true, offer: { ...offer, ...live } satisfies Offer }));
        },
      };
    case 'forget_keys':
      return {
        execute(command) {
          if (command.key === null) return store.execute(command);
          return store.execute({ ...command, key: { ...command.key, key: `${command.key.key}#${calls++}` } });
        },
      };
    case 'lose_requests':
      return {
        execute(command) {
          const isLost = command.kind === 'request' && ++calls % EVERY_NTH_REQUEST === 0;
          return isLost ? new MemoryTripStore().execute(command) : store.execute(command);
        },
      };
    case 'keep_offers':
      return {
        closeOffers: (closings) => store.closeOffers(closings.filter((one) => one.status !== 'timed_out')),
      };
    default:
      return null;
  }
}
