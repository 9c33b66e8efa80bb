import type { Market } from '../domain/market.ts';
import type { Claims } from '../geo/claims.ts';
import { KeyedBuckets } from '../lib/token-bucket.ts';
import { createStraightLineEta } from '../maps/eta.ts';
import { ActiveTrips } from './active-trips.ts';
import { createDispatchState, DEFAULT_TICK_PACE, type TickPace } from './dispatch-state.ts';
import type { DispatchMeter } from './dispatch-meter.ts';
import { Dispatcher } from './dispatcher.ts';
import { Doubts } from './doubts.ts';
import { publish, type Engine, type ServedMarket } from './engine.ts';
import { FollowedDrivers } from './followed-drivers.ts';
import { SeatedTrips } from './seated-trips.ts';
import { Seats } from './seats.ts';
import { TripViews } from './trip-view.ts';

/** Five wrong PINs at once, then one a minute: all of them would take a week. */
const PIN_TRIES = { perS: 1 / 60, burstMax: 5 };
/** Trips whose wrong PINs are remembered; the one tried longest ago is forgotten. */
const PIN_TRIPS_MAX = 10_000;

export interface EngineOptions extends Pick<
  Engine,
  'store' | 'index' | 'ingest' | 'announcer' | 'clock' | 'ids' | 'log' | 'limits' | 'peers'
> {
  readonly markets: readonly Market[];
  readonly claims: Claims;
  readonly meter: DispatchMeter;
  /** Wall milliseconds, for durations alone. */
  readonly stopwatchMs: () => number;
  readonly tickPace?: TickPace;
}

/** Puts an engine together from its stores; nothing runs until `takeUp` and the dispatchers' `start`. */
export function createEngine(options: EngineOptions): Engine {
  const { store, index, ingest, announcer, clock, ids, log, limits, peers } = options;
  const etas = new Map(
    options.markets.map((market) => [
      market.marketId,
      createStraightLineEta(market.driveSpeed, market.timeZone),
    ]),
  );
  const seats = new Seats();
  const seatedTrips = new SeatedTrips(announcer);
  const followed = new FollowedDrivers({ announcer, seats, peers, clock });
  const views = new TripViews({ index, followed, announcer, clock, etas });
  const active = new ActiveTrips({ store, index, announcer, views, seats, peers, clock, log });
  const doubts = new Doubts({ store, clock });
  const { turnUs, pauseMs } = options.tickPace ?? DEFAULT_TICK_PACE;
  const serve = (market: Market): ServedMarket => {
    const eta = etas.get(market.marketId)!;
    const state = createDispatchState({ market, index, eta, ids, staleMs: limits.staleMs, turnUs });
    const dispatcher = new Dispatcher({
      ...options,
      state,
      doubts,
      turnPauseMs: pauseMs,
      publish: (news) => publish(engine, news),
    });
    return { market, eta, dispatcher };
  };
  const markets = new Map(options.markets.map((market) => [market.marketId, serve(market)]));
  const pinTries = new KeyedBuckets(PIN_TRIES, PIN_TRIPS_MAX);
  const engine: Engine = {
    markets,
    store,
    index,
    ingest,
    active,
    doubts,
    pinTries,
    views,
    peers,
    seats,
    seatedTrips,
    followed,
    announcer,
    clock,
    ids,
    log,
    limits,
  };
  return engine;
}
