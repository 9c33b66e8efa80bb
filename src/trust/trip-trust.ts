import type { TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { mayRate, type RatingTag, type Stars } from '../domain/rating.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Trip } from '../domain/trip.ts';
import type { Rating, RatingSum, Side, SosCall, SosCursor, TrustStore } from '../store/trust-store.ts';

export interface TripTrustOptions {
  readonly store: TrustStore;
  readonly trip: (tripId: TripId) => Promise<Trip | null>;
  readonly nowMs: () => number;
  readonly newId: () => string;
  /** Called with each new call for help, once it is stored: somebody is to be woken. */
  readonly onSos: (call: SosCall) => void;
}

/** What may be said of and done about a trip by those who are on it, beside driving it. */
export class TripTrust {
  private readonly options: TripTrustOptions;

  constructor(options: TripTrustOptions) {
    this.options = options;
  }

  /** Rates the other side, in place of an earlier rating; `not_found` for others' trips, `wrong_state` before its end or long after. */
  async rate(
    rater: Side,
    tripId: TripId,
    { stars, tags }: { readonly stars: Stars; readonly tags: readonly RatingTag[] },
  ): Promise<Result<Rating>> {
    const { store, nowMs } = this.options;
    const trip = await this.tripOf(rater, tripId);
    if (trip === null) return rejected('not_found');
    const may = mayRate(trip, nowMs());
    if (!may.ok) return may;
    const ratedId = rater.role === 'rider' ? trip.driverId! : trip.riderId;
    const rating: Rating = { tripId, rater, ratedId, stars, tags: [...new Set(tags)], atMs: nowMs() };
    await store.rate(rating);
    return accepted(rating);
  }

  ratingSum(account: Side): Promise<RatingSum> {
    return this.options.store.ratingSum(account);
  }

  /** Calls for help; with a trip it must be one's own. The same key is the same call. */
  async raise(
    by: Side,
    call: { readonly tripId: TripId | null; readonly place: Place | null },
    key: string,
  ): Promise<Result<SosCall>> {
    const { store, nowMs, newId, onSos } = this.options;
    if (call.tripId !== null && (await this.tripOf(by, call.tripId)) === null) return rejected('not_found');
    const sosId = newId();
    const kept = await store.raise({ sosId, by, ...call, raisedMs: nowMs() }, key);
    if (kept.sosId === sosId) onSos(kept);
    return accepted(kept);
  }

  calls(filter: {
    readonly isOpen: boolean;
    readonly after: SosCursor | null;
    readonly limit: number;
  }): Promise<SosCall[]> {
    return this.options.store.sosCalls(filter);
  }

  /** Whoever was first has handled it; the answer says who. */
  async handle(sosId: string, operatorId: string, note: string | null): Promise<Result<SosCall>> {
    const call = await this.options.store.handle(sosId, { operatorId, note, atMs: this.options.nowMs() });
    return call === null ? rejected('not_found') : accepted(call);
  }

  private async tripOf({ role, accountId }: Side, tripId: TripId): Promise<Trip | null> {
    const trip = await this.options.trip(tripId);
    const id = role === 'rider' ? trip?.riderId : trip?.driverId;
    return id === accountId ? trip : null;
  }
}
