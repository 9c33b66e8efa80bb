import type { DriverId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Trip } from '../domain/trip.ts';
import type { Claims } from '../geo/claims.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { OfferClosing, OfferOpening, TripStore } from '../store/trip-store.ts';
import { statusInput, type DispatchInput, type OfferRefusal } from './dispatch-input.ts';
import type { DispatchMeter } from './dispatch-meter.ts';
import type { DispatchState } from './dispatch-state.ts';
import type { Doubts } from './doubts.ts';
import type { Effect } from './effect.ts';
import type { News, Peers } from './peers.ts';
import { isOurs, step } from './step.ts';
import { TickTurns } from './tick-turns.ts';

type OpenOfferEffect = Extract<Effect, { kind: 'open_offer' }>;
type AnnounceEffect = Extract<Effect, { kind: 'announce_offer' }>;

/** A claim outlives its offer by this much, so that it cannot run out while the answer is being stored. */
const CLAIM_SLACK_MS = 10_000;
/** First offers whose latency is being measured; beyond it new ones are not measured. */
const STOPWATCHES_MAX = 100_000;

export interface DispatcherOptions {
  readonly state: DispatchState;
  readonly store: TripStore;
  readonly claims: Claims;
  readonly peers: Pick<Peers, 'mayMatch'>;
  /** What has been stored is learnt here and told to the other replicas (R6). */
  readonly publish: (news: News) => void;
  readonly doubts: Doubts;
  readonly clock: Clock;
  /** Wall milliseconds, for durations alone. */
  readonly stopwatchMs: () => number;
  readonly log: Log;
  readonly meter: DispatchMeter;
  /** `pauseMs` of the TickPace. */
  readonly turnPauseMs: number;
}

/**
 * Runs `step` and performs what it wants: claim, then persist, then announce (R6), each batch of a step at once, and feeds
 * the outcomes back as inputs. Ticks do not wait for one another: who is being offered is marked so in the state.
 */
export class Dispatcher {
  readonly state: DispatchState;
  private readonly options: DispatcherOptions;
  private readonly inFlight = new Set<Promise<void>>();
  private readonly askedAtMs = new Map<TripId, number>();
  private readonly turns: TickTurns;
  private storing = 0;

  constructor(options: DispatcherOptions) {
    this.options = options;
    this.state = options.state;
    this.turns = new TickTurns({
      ...options,
      input: (input) => this.input(input),
      mayMatch: () => options.peers.mayMatch(),
      pauseMs: options.turnPauseMs,
    });
  }

  /** Learns something, at once; what follows from it is begun before this returns, and done later. */
  input(...inputs: DispatchInput[]): void {
    for (const input of inputs) if (input.kind === 'request_closed') this.askedAtMs.delete(input.tripId);
    this.perform(step(this.state, inputs, this.options.clock.nowMs()));
  }

  /** True for a trip that is matched here, by its pickup's zone. */
  isOurs(trip: Trip): boolean {
    return isOurs(this.state, trip);
  }

  /** Starts the clock on a request's first offer. */
  asked(tripId: TripId): void {
    if (this.askedAtMs.size < STOPWATCHES_MAX) this.askedAtMs.set(tripId, this.options.stopwatchMs());
  }

  /** Requests that wait, and those being stored. */
  get openRequests(): number {
    return this.state.requests.size + this.storing;
  }

  /** Runs what stores a request: until it has, the request takes up its room already. */
  async whileStoring<T>(store: () => Promise<T>): Promise<T> {
    this.storing += 1;
    try {
      return await store();
    } finally {
      this.storing -= 1;
    }
  }

  start(): void {
    this.turns.start();
  }

  /** No more ticks; resolves when all that was begun is done. */
  async stop(): Promise<void> {
    this.turns.stop();
    while (this.inFlight.size > 0) await Promise.all(this.inFlight);
  }

  private perform(effects: readonly Effect[]): void {
    const opening = effects.filter((effect) => effect.kind === 'open_offer');
    if (opening.length > 0) this.begin(this.openOffers(opening));
    const closings: OfferClosing[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case 'open_offer':
          break;
        case 'close_offer':
          closings.push({
            offerId: effect.offerId,
            status: effect.status,
            atMs: this.options.clock.nowMs(),
          });
          break;
        case 'expire_trip':
          this.begin(this.expire(effect));
          break;
        case 'announce_offer':
          this.announceOffer(effect);
          break;
        case 'release_claim':
          this.begin(this.release([effect]));
          break;
        case 'resync_driver':
          this.begin(this.resync(effect.driverId));
          break;
        case 'resync_trip':
          this.options.doubts.add({ tripId: effect.tripId, driverId: null });
          break;
      }
    }
    if (closings.length > 0) this.begin(this.closeOffers(closings));
  }

  /** Keeps hold of what is under way, so that `stop` can wait for it. Its body handles its own failures. */
  private begin(work: Promise<void>): void {
    this.inFlight.add(work);
    // A failure that got this far is a bug: let it surface as an unhandled rejection, which ends the process.
    void work.finally(() => this.inFlight.delete(work));
  }

  private async openOffers(effects: readonly OpenOfferEffect[]): Promise<void> {
    const { claims, store, meter } = this.options;
    let won: readonly OpenOfferEffect[] = [];
    try {
      const ttlMs = this.state.market.match.offerTtlMs + CLAIM_SLACK_MS;
      const claimed = await claims.claim(effects.map(({ offer }) => ({ ...offer, ttlMs })));
      // This process may have been stopped for long in between: others own its zones now.
      if (!this.options.peers.mayMatch()) return await this.standDown(effects);
      const lost = effects.filter((_, i) => claimed[i] !== true);
      won = effects.filter((_, i) => claimed[i] === true);
      if (lost.length > 0) this.refuse(lost, 'claim_lost');
      if (won.length === 0) return;
      const openings = await store.openOffers(won.map(({ offer }) => offer));
      meter.counted('offer_opened', openings.filter((opening) => opening.opened).length);
      await this.release(won.map(({ offer }) => offer).filter((_, i) => openings[i]?.opened !== true));
      this.input(...openings.map(openingInput));
    } catch (error) {
      this.failed(error, 'offers could not be stored');
      this.refuse(won.length > 0 ? won : effects, 'unavailable');
      await this.release(won.map(({ offer }) => offer));
      return;
    }
    await this.record(won);
  }

  private async standDown(effects: readonly OpenOfferEffect[]): Promise<void> {
    this.refuse(effects, 'claim_lost');
    await this.release(effects.map(({ offer }) => offer));
  }

  /** By itself: an offer that is stored and told is not taken back because its reasons could not be kept. */
  private async record(effects: readonly OpenOfferEffect[]): Promise<void> {
    try {
      await this.options.store.recordDecisions(
        effects.map(({ offer, explanation }) => ({
          tripId: offer.tripId,
          atMs: offer.offeredMs,
          body: { offerId: offer.offerId, ...explanation },
        })),
      );
    } catch (error) {
      this.failed(error, 'the reasons for offers could not be stored');
    }
  }

  private refuse(effects: readonly OpenOfferEffect[], why: OfferRefusal): void {
    this.options.meter.counted(why === 'claim_lost' ? 'claim_lost' : 'offer_refused', effects.length);
    this.input(
      ...effects.map(({ offer: { offerId } }) => ({ kind: 'offer_refused' as const, offerId, why })),
    );
  }

  private async closeOffers(closings: readonly OfferClosing[]): Promise<void> {
    try {
      const closed = await this.options.store.closeOffers(closings);
      if (closed.length > 0) this.options.publish({ kind: 'offers_closed', offers: closed });
      this.countClosed(closed);
      for (const offer of closed) {
        // The driver was faster, and nobody has said so: the answer to the acceptance is late or lost.
        const { tripId, driverId } = offer;
        if (offer.status === 'accepted') this.options.doubts.add({ tripId, driverId });
      }
    } catch (error) {
      this.failed(error, 'ends of offers could not be stored');
      this.input(...closings.map(({ offerId }) => ({ kind: 'closing_failed' as const, offerId })));
    }
  }

  /** For metrics: once, where the end was stored. */
  countClosed(offers: readonly Offer[]): void {
    for (const { status } of offers) if (status !== 'live') this.options.meter.counted(`offer_${status}`, 1);
  }

  private async expire(effect: Extract<Effect, { kind: 'expire_trip' }>): Promise<void> {
    const { store, clock, publish, meter } = this.options;
    const { tripId, explanation } = effect;
    try {
      const result = await store.execute({
        kind: 'transition',
        key: null,
        event: 'expired',
        tripId,
        actor: 'system',
        actorId: null,
        atMs: clock.nowMs(),
        reason: 'no_driver',
      });
      this.input({ kind: 'request_closed', tripId });
      // It has ended or found its driver by another way: perhaps by an expiry whose answer was lost.
      if (!result.ok) return this.options.doubts.add({ tripId, driverId: null });
      meter.counted('trip_expired', 1);
      publish({ kind: 'trip_changed', change: result.value, driverId: null });
      if (explanation !== null)
        await store.recordDecisions([{ tripId, atMs: clock.nowMs(), body: { ...explanation } }]);
    } catch (error) {
      this.failed(error, 'an expiry could not be stored');
      this.input({ kind: 'expiry_failed', tripId });
    }
  }

  private announceOffer({ offer, trip, isFirst, hadDriverAtOnce }: AnnounceEffect): void {
    const { publish, stopwatchMs, meter, log } = this.options;
    publish({ kind: 'offer_opened', offer, trip });
    log.debug({ tripId: trip.tripId, driverId: offer.driverId, etaS: offer.etaS }, 'offered');
    const askedMs = this.askedAtMs.get(trip.tripId);
    if (!isFirst || askedMs === undefined) return;
    this.askedAtMs.delete(trip.tripId);
    meter.offered({
      latencyMs: stopwatchMs() - askedMs,
      supply: hadDriverAtOnce ? 'at_once' : 'waited',
    });
  }

  private async release(releases: readonly { driverId: DriverId; tripId: TripId }[]): Promise<void> {
    if (releases.length === 0) return;
    try {
      await this.options.claims.release(releases);
    } catch (error) {
      // It runs out by itself.
      this.failed(error, 'claims could not be released');
    }
  }

  /** The store said the driver is busy while the state said free: the store is right. */
  private async resync(driverId: DriverId): Promise<void> {
    const { store, clock } = this.options;
    try {
      const [trip, offer] = await Promise.all([
        store.activeTripOfDriver(driverId),
        store.liveOfferOfDriver(driverId),
      ]);
      if (trip !== null && trip.status !== 'searching') this.input(statusInput(driverId, trip));
      // Left behind by a server that died, or by a commit whose answer was lost.
      if (offer !== null && !this.state.offers.has(offer.offerId))
        await this.closeOffers([{ offerId: offer.offerId, status: 'withdrawn', atMs: clock.nowMs() }]);
    } catch (error) {
      this.failed(error, 'a driver could not be looked up');
    }
  }

  private failed(error: unknown, message: string): void {
    this.options.meter.counted('store_failed', 1);
    this.options.log.warn({ err: error, market: this.state.market.marketId }, message);
  }
}

function openingInput(opening: OfferOpening): DispatchInput {
  if (opening.opened) return { kind: 'offer_opened', offer: opening.offer };
  return { kind: 'offer_refused', offerId: opening.offerId, why: opening.why };
}
