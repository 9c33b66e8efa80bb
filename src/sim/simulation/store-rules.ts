import { hasDriver, isFinal } from '../../domain/trip.ts';
import type { Claims } from '../../geo/claims.ts';
import type { Offer } from '../../domain/offer.ts';
import type { Result } from '../../domain/rejection.ts';
import { auditTrip, type TripRecord } from '../../store/audit.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type {
  Duty,
  NewOffer,
  OfferClosing,
  OfferOpening,
  TripChange,
  TripCommand,
} from '../../store/trip-store.ts';
import type { StoreWatch } from '../virtual/unreliable-store.ts';
import type { EventLog } from './event-log.ts';
import type { Report } from './violation.ts';

/** What one trip holds at a time: who may have only one of it. */
interface Holds {
  readonly version: number;
  readonly rider: string | null;
  readonly driver: string | null;
  readonly offered: readonly string[];
}

const NOTHING: Holds = { version: 0, rider: null, driver: null, offered: [] };

/** When a driver was last heard, by the server's own reception of pings; R8 is judged by it. */
export interface Hearing {
  /** The last moment up to `byMs` at which a ping of the driver came in, or -Infinity. */
  lastHeardMs(driverId: string, byMs: number): number;
}

/**
 * Checks each change of the store in the moment it happens: the trip by itself (R1, R4, R9), who holds what (R2, R3), how far one
 * command may go (R4), whom an offer may go to (R8), and that it was claimed for (R7).
 */
export class StoreRules implements StoreWatch {
  private readonly holds = new Map<string, Holds>();
  private readonly ridersHold = new Map<string, string>();
  private readonly driversHold = new Map<string, string>();
  private readonly offersHold = new Map<string, string>();
  /** Driver and trip of every claim that was ever won. */
  private readonly claimsWon = new Set<string>();
  private readonly options: {
    readonly store: MemoryTripStore;
    readonly report: Report;
    readonly log: EventLog;
    readonly nowMs: () => number;
    readonly hearing: Hearing;
    readonly staleMs: number;
    /** By how much the clock that dates an offer may be off, and how late a place may come to who offers. */
    readonly skewMsMax: number;
    readonly lateMsMax: number;
  };

  constructor(options: StoreRules['options']) {
    this.options = options;
  }

  executed(command: TripCommand, result: Result<TripChange>): void {
    const { log, nowMs, report } = this.options;
    const name = command.kind === 'transition' ? command.event : command.kind;
    if (!result.ok) {
      const about = command.kind === 'transition' ? command.tripId : null;
      log.note(nowMs(), about, `store: ${name} refused, ${result.code} ${result.detail ?? ''}`);
      if (about !== null) this.check(about, 0);
      return;
    }
    const { trip, event, replayed } = result.value;
    const { tripId } = trip;
    log.note(nowMs(), tripId, `store: ${name}${replayed ? ' again' : ''}, v${trip.version} ${trip.status}`);
    const steps = event === null || replayed ? 0 : 1;
    this.check(tripId, steps);
    if (steps === 1 && event!.seq !== trip.version)
      report({
        rule: 'R4',
        tripId,
        detail: `the answer's event ${event!.seq} is not version ${trip.version}`,
      });
  }

  /** The claims, with an ear for who wins them. */
  watched(claims: Claims): Claims {
    return {
      claim: async (requests) => {
        const won = await claims.claim(requests);
        requests.forEach(({ driverId, tripId }, i) => {
          if (won[i] === true) this.claimsWon.add(`${driverId} ${tripId}`);
        });
        return won;
      },
      release: (releases) => claims.release(releases),
    };
  }

  offersOpened(offers: readonly NewOffer[], openings: readonly OfferOpening[]): void {
    const { log, nowMs } = this.options;
    offers.forEach(({ tripId, offerId, driverId, offeredMs }, i) => {
      const opening = openings[i];
      // Claims settle who wins a driver before the store has to.
      if (!this.claimsWon.has(`${driverId} ${tripId}`))
        this.options.report({ rule: 'R7', tripId, detail: `to be offered to ${driverId} without a claim` });
      const outcome = opening?.opened === true ? opening.offer.status : (opening?.why ?? 'no answer');
      log.note(nowMs(), tripId, `store: offer ${offerId.slice(-6)} to ${driverId}: ${outcome}`);
      if (opening?.opened !== true) return;
      this.checkHeard(tripId, driverId, offeredMs);
      const bound = this.driversHold.get(driverId);
      if (bound !== undefined && opening.offer.status === 'live')
        this.options.report({
          rule: 'R2',
          tripId,
          detail: `offered to ${driverId}, who is on trip ${bound}`,
        });
      this.check(tripId, 0);
    });
  }

  offersClosed(closings: readonly OfferClosing[], closed: readonly Offer[]): void {
    const { log, nowMs } = this.options;
    for (const { tripId, offerId, status } of closed) {
      const wanted = closings.find((closing) => closing.offerId === offerId)?.status;
      log.note(nowMs(), tripId, `store: offer ${offerId.slice(-6)} closed ${wanted}: ${status}`);
      this.check(tripId, 0);
    }
  }

  dutySet({ driverId, onDuty }: Duty): void {
    const { log, nowMs } = this.options;
    log.note(nowMs(), '-', `store: ${driverId} ${onDuty ? 'on' : 'off'} duty`);
  }

  /** R8, from the server's ears alone: whatever the index made of the pings, without one there is no candidate. */
  private checkHeard(tripId: string, driverId: string, offeredMs: number): void {
    const { hearing, staleMs, skewMsMax, lateMsMax, report } = this.options;
    const silentMs = offeredMs - hearing.lastHeardMs(driverId, offeredMs + skewMsMax);
    if (silentMs > staleMs + skewMsMax + lateMsMax)
      report({ rule: 'R8', tripId, detail: `offered to ${driverId}, silent for ${silentMs} ms` });
  }

  private check(tripId: string, steps: number): void {
    const { store, report } = this.options;
    const record = store.record(tripId as TripRecord['trip']['tripId']);
    const before = this.holds.get(tripId) ?? NOTHING;
    if (record === null) {
      if (steps > 0) report({ rule: 'R1', tripId, detail: 'changed, but not stored' });
      return;
    }
    if (record.trip.version !== before.version + steps) {
      const detail = `version ${before.version} became ${record.trip.version} by ${steps} event(s)`;
      report({ rule: 'R4', tripId, detail });
    }
    for (const violation of auditTrip(record)) report({ ...violation, tripId });
    this.rebind(tripId, before, holdsOf(record));
  }

  private rebind(tripId: string, before: Holds, after: Holds): void {
    this.holds.set(tripId, after);
    const move = (
      rule: string,
      holders: Map<string, string>,
      from: string | null,
      to: string | null,
    ): void => {
      if (from !== null && from !== to && holders.get(from) === tripId) holders.delete(from);
      if (to === null) return;
      const other = holders.get(to);
      if (other !== undefined && other !== tripId)
        this.options.report({ rule, tripId, detail: `${to} is bound to this trip and to ${other}` });
      holders.set(to, tripId);
    };
    move('R2', this.ridersHold, before.rider, after.rider);
    move('R2', this.driversHold, before.driver, after.driver);
    for (const driver of before.offered) if (!after.offered.includes(driver)) this.unoffer(driver, tripId);
    for (const driver of after.offered) move('R3', this.offersHold, null, driver);
    if (new Set(after.offered).size < after.offered.length)
      this.options.report({ rule: 'R3', tripId, detail: 'a driver has two live offers of one trip' });
  }

  private unoffer(driver: string, tripId: string): void {
    if (this.offersHold.get(driver) === tripId) this.offersHold.delete(driver);
  }
}

function holdsOf({ trip, offers }: TripRecord): Holds {
  return {
    version: trip.version,
    rider: isFinal(trip.status) ? null : trip.riderId,
    driver: hasDriver(trip.status) ? trip.driverId : null,
    offered: offers.filter((offer) => offer.status === 'live').map((offer) => offer.driverId),
  };
}
