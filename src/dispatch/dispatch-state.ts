import type { Zone } from '../domain/cell.ts';
import type { DriverId, IdSource, OfferId, TripId } from '../domain/ids.ts';
import type { Market } from '../domain/market.ts';
import type { Trip } from '../domain/trip.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import { DriverSearch } from '../geo/driver-search.ts';
import type { Eta } from '../maps/eta.ts';
import { createAcceptance, type Acceptance } from '../matching/acceptance.ts';
import { createAssignmentSolver, type AssignmentSolver } from '../matching/assignment.ts';
import { Candidates, type WeighingContext } from '../matching/candidates.ts';
import type { MatchRequest } from '../matching/match-request.ts';
import { LatestTrips } from './latest-trips.ts';
import type { TickUnderWay } from './tick.ts';

/** A request that waits for a driver, or for an answer to its offers. */
export interface OpenRequest extends MatchRequest {
  readonly trip: Trip;
  readonly excluded: Set<DriverId>;
  radiusM: number;
  /** Of the pickup. */
  readonly zone: Zone;
  readonly sinceMs: number;
  readonly offers: Set<OfferId>;
  /** Expiry is being stored: no more offers. */
  isExpiring: boolean;
  offersMade: number;
  /** Whether its first tick found it a free driver: tells waiting for supply from waiting for the engine. */
  hadDriverAtOnce: boolean | null;
}

/** `opening`: claim and store under way. `live`: the driver may answer. `closing`: its end is being stored. */
export interface OpenOffer {
  readonly offerId: OfferId;
  readonly tripId: TripId;
  readonly driverId: DriverId;
  readonly expiresMs: number;
  phase: 'opening' | 'live' | 'closing';
}

/** A live offer that another replica has made. */
export interface ForeignOffer {
  readonly offerId: OfferId;
  readonly expiresMs: number;
}

/** All that a market's dispatcher knows; changed by `step` alone, but for the drivers' places in the index. */
export interface DispatchState {
  readonly market: Market;
  readonly index: DriverIndex;
  readonly ids: IdSource;
  /** Requests elsewhere are another replica's; null = all zones are matched here. */
  zones: ReadonlySet<Zone> | null;
  readonly requests: Map<TripId, OpenRequest>;
  readonly offers: Map<OfferId, OpenOffer>;
  /** One a driver at most; forgotten a while after the offer's time, should nobody tell of its end. */
  readonly foreignOffers: Map<DriverId, ForeignOffer>;
  /** Until when a driver is left alone after a lost claim; emptied as time passes. */
  readonly contested: Map<DriverId, number>;
  /** The newest word on each driver's trips: older ones change nothing. */
  readonly latestTrips: LatestTrips;
  readonly acceptance: Acceptance;
  readonly candidates: Candidates;
  readonly solver: AssignmentSolver;
  readonly weighing: WeighingContext;
  /** A run of the matcher that has more to do than fits in a turn of the loop: `tick_on` goes on with it. */
  tick: TickUnderWay | null;
  /** Work done on a tick in one turn, µs by the matcher's own reckoning (see `Work`). */
  readonly turnUs: number;
}

export interface DispatchStateOptions {
  readonly market: Market;
  readonly index: DriverIndex;
  readonly eta: Eta;
  readonly ids: IdSource;
  /** R8: silent for longer than this = no candidate. */
  readonly staleMs: number;
  /** Default: that of DEFAULT_TICK_PACE. */
  readonly turnUs?: number;
}

/** How a tick that is too long for one turn of the loop is cut. */
export interface TickPace {
  /** Work done in one turn, µs by the matcher's own reckoning (see `Work`); at least one piece of it. */
  readonly turnUs: number;
  /** Between two turns, ms of the engine's clock; 0: as soon as the loop has seen to all else. */
  readonly pauseMs: number;
}

/** A turn holds up the loop for a few milliseconds, also on a machine that is several times slower than reckoned or busy otherwise. */
export const DEFAULT_TICK_PACE: TickPace = { turnUs: 4_000, pauseMs: 0 };

export function createDispatchState(options: DispatchStateOptions): DispatchState {
  const { market, index, eta, ids, staleMs } = options;
  const contested = new Map<DriverId, number>();
  const acceptance = createAcceptance(index.driversMax);
  const { columns } = index;
  return {
    market,
    index,
    ids,
    zones: null,
    requests: new Map(),
    offers: new Map(),
    foreignOffers: new Map(),
    contested,
    latestTrips: new LatestTrips(index.driversMax),
    acceptance,
    candidates: new Candidates(market.match.candidatesMax),
    solver: createAssignmentSolver(),
    tick: null,
    turnUs: options.turnUs ?? DEFAULT_TICK_PACE.turnUs,
    weighing: {
      search: new DriverSearch(index),
      eta,
      acceptance,
      policy: market.match,
      rules: {
        index,
        staleMs,
        horizonS: market.match.mode === 'batch' ? market.match.horizonS : 0,
        isContested: (driverId, nowMs) => contested.size > 0 && (contested.get(driverId) ?? 0) > nowMs,
        freeInS(slot, nowMs) {
          const lat = columns.freeLat[slot]!;
          if (Number.isNaN(lat)) return Infinity;
          const { lat: fromLat, lng: fromLng } = columns;
          const driveS = eta.driveS(fromLat[slot]!, fromLng[slot]!, lat, columns.freeLng[slot]!, nowMs);
          return driveS + market.match.dropoffS;
        },
      },
    },
  };
}
