import type postgres from 'postgres';
import type { Engine } from './dispatch/engine.ts';
import type { TripId } from './domain/ids.ts';
import type { Clock } from './lib/clock.ts';
import { deriveKey } from './lib/derived-key.ts';
import { randomUuidV7 } from './lib/entropy.ts';
import type { Log } from './lib/log.ts';
import { createTrustHandlers } from './rest/trust-handlers.ts';
import type { RestOptions } from './rest/rest-server.ts';
import { PostgresTrustStore } from './store/trust-store-postgres.ts';
import { TripSharing } from './trust/trip-sharing.ts';
import { TripTrust } from './trust/trip-trust.ts';

export interface NodeServicesOptions {
  readonly sql: postgres.Sql;
  readonly engine: Engine;
  /** The newest: what links are made with. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
}

/** For metrics, since the start. */
export interface ServiceCounts {
  sosRaised: number;
}

export interface NodeServices {
  /** Of all operations beside those of trips. */
  readonly handlers: NonNullable<RestOptions['handlers']>;
  readonly counts: Readonly<ServiceCounts>;
}

/** Puts together what a server does beside dispatching: nothing of it runs while a ride is matched. */
export function createNodeServices(options: NodeServicesOptions): NodeServices {
  const { sql, engine, secret, clock, log } = options;
  const counts: ServiceCounts = { sosRaised: 0 };
  const store = new PostgresTrustStore(sql);
  const trip = (tripId: TripId) => engine.store.trip(tripId);
  const trust = new TripTrust({
    ...{ store, trip, nowMs: () => clock.nowMs(), newId: () => randomUuidV7(clock.nowMs()) },
    onSos: ({ sosId, by, tripId }) => {
      counts.sosRaised += 1;
      log.warn({ sosId, role: by.role, accountId: by.accountId, tripId }, 'somebody calls for help');
    },
  });
  const sharing = new TripSharing({ store, trip, key: deriveKey(secret, 'trip sharing') });
  return {
    handlers: createTrustHandlers({ trust, sharing, view: (one) => engine.views.forDriver(one) }),
    counts,
  };
}
