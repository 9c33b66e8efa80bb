import type { Engine } from './dispatch/engine.ts';
import type { Approval } from './dispatch/front-desk.ts';
import type { DriverId, TripId } from './domain/ids.ts';
import type { Result } from './domain/rejection.ts';
import type { Trip } from './domain/trip.ts';
import type { Clock, Timer } from './lib/clock.ts';
import { deriveKey } from './lib/derived-key.ts';
import { randomUuidV7 } from './lib/entropy.ts';
import { createErrorLog } from './lib/error-log.ts';
import type { Log } from './lib/log.ts';
import type { NodeStores } from './node-stores.ts';
import type { Audit } from './rest/audited.ts';
import { KeyedWrites } from './rest/keyed-writes.ts';
import { createSafetyHandlers } from './rest/safety-handlers.ts';
import { createTripSearchHandlers } from './rest/trip-search-handlers.ts';
import { createTrustHandlers } from './rest/trust-handlers.ts';
import type { RestOptions } from './rest/rest-server.ts';
import { PostgresAuditLog } from './store/audit-log-postgres.ts';
import { ReadReplica } from './store/read-replica-postgres.ts';
import { PostgresRestAnswers } from './store/rest-answers-postgres.ts';
import { PostgresTripSearch } from './store/trip-search-postgres.ts';
import { PostgresTrustStore } from './store/trust-store-postgres.ts';
import { LocationWatch } from './trust/location-watch.ts';
import { TripSharing } from './trust/trip-sharing.ts';
import { TripTrust } from './trust/trip-trust.ts';

export interface NodeServicesOptions {
  readonly stores: Pick<NodeStores, 'sql' | 'readSql'>;
  readonly engine: Engine;
  /** The newest: what links are made with. */
  readonly secret: Uint8Array;
  /** By which personal data is found, and answers kept by key are sealed. */
  readonly lookupSecret: Uint8Array;
  readonly clock: Clock;
  readonly wallClock: Clock;
  readonly log: Log;
  /** Off duty by no wish of the driver's; `driver_busy` during a trip. */
  readonly takeOffDuty: (driverId: DriverId) => Promise<Result<unknown>>;
  /** Whether account and car are approved. */
  readonly mayDrive: Approval;
}

/** How soon a suspect driver is out of matching. */
const SUSPECTS_MS = 1_000;

/** For metrics, since the start. */
export interface ServiceCounts {
  sosRaised: number;
  readonly driversSuspected: number;
}

export interface NodeServices {
  /** Of all operations beside those of trips. */
  readonly handlers: NonNullable<RestOptions['handlers']>;
  readonly counts: Readonly<ServiceCounts>;
  /** Gives the same answer to the same key of a write. */
  readonly keyed: KeyedWrites;
  readonly audit: Audit;
  readonly locations: LocationWatch;
  /** Asked before a driver goes on duty. */
  readonly approve: Approval;
  /** Begins what is done regularly; the function answered ends it. */
  start(): () => void;
}

/** Puts together what a server does beside dispatching: nothing of it runs while a ride is matched. */
export function createNodeServices(options: NodeServicesOptions): NodeServices {
  const { engine, secret, clock, wallClock, log, takeOffDuty, mayDrive } = options;
  const { sql } = options.stores;
  const answers = new PostgresRestAnswers(sql);
  const sealingKey = deriveKey(options.lookupSecret, 'rest answers');
  const store = new PostgresTrustStore(sql);
  const nowMs = (): number => clock.nowMs();
  const audit = { log: new PostgresAuditLog(sql), nowMs };
  const locations = new LocationWatch({ store, takeOffDuty, nowMs, log });
  const counts: ServiceCounts = {
    sosRaised: 0,
    get driversSuspected() {
      return locations.suspected;
    },
  };
  const trip = (tripId: TripId) => engine.store.trip(tripId);
  const trust = new TripTrust({
    ...{ store, trip, nowMs, newId: () => randomUuidV7(clock.nowMs()) },
    onSos: ({ sosId, by, tripId }) => {
      counts.sosRaised += 1;
      log.warn({ sosId, role: by.role, accountId: by.accountId, tripId }, 'somebody calls for help');
    },
  });
  const sharing = new TripSharing({ store, trip, key: deriveKey(secret, 'trip sharing') });
  const view = (one: Trip) => engine.views.forDriver(one);
  return {
    handlers: {
      ...createTrustHandlers({ trust, sharing, view }),
      ...createSafetyHandlers({ trust, store, audit }),
      ...createTripSearchHandlers({ search: tripSearchOf(options), view }),
    },
    counts,
    keyed: new KeyedWrites({ answers, sealingKey, wallClock }),
    audit,
    locations,
    approve: async (driverId, online) => {
      const believed = await locations.approve(driverId, online.mockLocation ?? false);
      return believed.ok ? mayDrive(driverId, online) : believed;
    },
    start: () => {
      const timer = sweepSuspects(locations, wallClock, log);
      return () => timer.cancel();
    },
  };
}

function tripSearchOf({ stores, wallClock, log }: NodeServicesOptions): PostgresTripSearch {
  const { sql, readSql } = stores;
  const onFallback = createErrorLog({
    log,
    clock: wallClock,
    what: 'the read replica failed: trips were searched on the primary',
  });
  const replica = readSql === null ? null : new ReadReplica({ sql: readSql, clock: wallClock, onFallback });
  return new PostgresTripSearch(sql, replica);
}

function sweepSuspects(locations: LocationWatch, wallClock: Clock, log: Log): Timer {
  const failed = createErrorLog({
    log,
    clock: wallClock,
    what: 'suspect drivers could not be taken off duty',
  });
  let isSweeping = false;
  return wallClock.every(SUSPECTS_MS, () => {
    if (isSweeping) return;
    isSweeping = true;
    void locations
      .sweep()
      .catch(failed)
      .finally(() => (isSweeping = false));
  });
}
