import type { MarketId } from '../domain/ids.ts';
import type { IdSource } from '../domain/ids.ts';
import { isServed, type Market } from '../domain/market.ts';
import type { Place } from '../domain/place.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { Ingest } from '../geo/ingest.ts';
import type { Clock } from '../lib/clock.ts';
import type { KeyedBuckets } from '../lib/token-bucket.ts';
import type { Log } from '../lib/log.ts';
import type { Eta } from '../maps/eta.ts';
import type { TripStore } from '../store/trip-store.ts';
import type { ActiveTrips } from './active-trips.ts';
import type { Announcer } from './announcer.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Doubts } from './doubts.ts';
import type { FollowedDrivers } from './followed-drivers.ts';
import { learn } from './learn.ts';
import type { News, Peers } from './peers.ts';
import type { SeatedTrips } from './seated-trips.ts';
import type { Seats } from './seats.ts';
import type { TripViews } from './trip-view.ts';

/** A market as this server runs it. */
export interface ServedMarket {
  readonly market: Market;
  readonly eta: Eta;
  readonly dispatcher: Dispatcher;
}

/** How long silence lasts until something follows (R8), and how much may wait. */
export interface EngineLimits {
  readonly staleMs: number;
  readonly offlineMs: number;
  /** Open requests per market; beyond it new ones are shed with `overloaded`. */
  readonly openRequestsMax: number;
}

export const DEFAULT_ENGINE_LIMITS: EngineLimits = {
  staleMs: 60_000,
  offlineMs: 300_000,
  openRequestsMax: 50_000,
};

/** The parts that commands and pings work on; put together by the composition root. */
export interface Engine {
  readonly markets: ReadonlyMap<MarketId, ServedMarket>;
  readonly store: TripStore;
  readonly index: DriverIndex;
  readonly ingest: Ingest;
  readonly active: ActiveTrips;
  readonly doubts: Doubts;
  readonly views: TripViews;
  readonly peers: Peers;
  readonly seats: Seats;
  readonly seatedTrips: SeatedTrips;
  readonly followed: FollowedDrivers;
  readonly announcer: Announcer;
  readonly clock: Clock;
  /** Wrong PINs by trip: 10,000 of them must not be tried through. */
  readonly pinTries: KeyedBuckets;
  readonly ids: IdSource;
  readonly log: Log;
  readonly limits: EngineLimits;
}

/** Learns here what has been stored, and tells the other replicas (R6). */
export function publish(engine: Engine, news: News): void {
  learn(engine, news, null);
  engine.peers.tell(news);
}

/** The market whose service area holds both places, or undefined. */
export function marketOf<M extends Pick<ServedMarket, 'market'>>(
  { markets }: { readonly markets: ReadonlyMap<MarketId, M> },
  ...places: readonly Place[]
): M | undefined {
  for (const served of markets.values()) {
    if (places.every((place) => isServed(served.market, place))) return served;
  }
  return undefined;
}
