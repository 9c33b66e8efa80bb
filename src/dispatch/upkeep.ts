import type { MarketId } from '../domain/ids.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { DispatchInput } from './dispatch-input.ts';
import type { Engine, ServedMarket } from './engine.ts';
import { Moves } from './moves.ts';
import { checkSeats } from './seat-check.ts';
import { catchUp } from './settlement.ts';
import { Silence } from './silence.ts';

/** Rows read from the store in one go; a city with more under way is read at the next sweep. */
const ROWS_MAX = 50_000;
const SWEEP_MS = 5_000;
const SWEEP_RETRY_MS = 1_000;
const SILENCE_MS = 1_000;
const DOUBTS_MS = 1_000;
/** What a death costs of a path, at most. */
const PATH_FLUSH_MS = 1_000;
const FOLLOWED_MS = 2_000;
const MOVES_MS = 1_000;

/**
 * R6: finds the requests and offers of its zones that this dispatcher was not told of; answers how many. Those younger than
 * `ageMsMin` are left alone: whoever stored them is about to tell. None is by default, not even one that another replica's clock dates in
 * the future.
 */
async function sweepRequests(engine: Engine, served: ServedMarket, ageMsMin = -Infinity): Promise<number> {
  const { dispatcher, market } = served;
  const searching = await engine.store.searchingTrips(market.marketId, ROWS_MAX);
  const inputs: DispatchInput[] = [];
  for (const { trip, excluded, liveOffers } of searching) {
    if (dispatcher.state.requests.has(trip.tripId) || !dispatcher.isOurs(trip)) continue;
    if (trip.version === 1 && engine.clock.nowMs() - trip.requestedMs < ageMsMin) continue;
    // A trip given back by its driver searches anew from now; its first search counts from the request.
    const sinceMs = trip.version > 1 ? engine.clock.nowMs() : trip.requestedMs;
    inputs.push({ kind: 'request_opened', trip, excluded, sinceMs });
    for (const offer of liveOffers) inputs.push({ kind: 'offer_opened', offer });
  }
  dispatcher.input(...inputs);
  return inputs.filter((input) => input.kind === 'request_opened').length;
}

/** The engine's regular duties. Each runs to its end before it runs again; a failure is logged and made up for next time. */
export class Upkeep {
  readonly silence: Silence;
  private readonly engine: Engine;
  private readonly moves: Moves;
  private readonly clock: Clock;
  private readonly timers: Timer[] = [];
  private readonly running = new Map<string, Promise<void>>();
  private mustSweep = false;

  /** `clock` paces the duties: the machine's own, so that a demo that runs faster asks no more of the stores. */
  constructor(engine: Engine, clock: Clock) {
    this.engine = engine;
    this.clock = clock;
    this.silence = new Silence(engine);
    this.moves = new Moves(engine);
  }

  /** The first look at what the store holds; rejects when it is out of reach: a server that cannot know its requests must not start. */
  async takeUp(): Promise<void> {
    this.mustSweep = true;
    await this.sweepAll();
  }

  /**
   * Finds at once what is searching in this replica's zones: it has just become their owner, or has missed news. Tried again
   * every second while the store is out of reach.
   */
  sweepNow(): void {
    this.mustSweep = true;
    this.run('sweep', () => this.sweepAll());
    this.run('doubts', () => this.resolveDoubts());
  }

  start(): void {
    const { engine } = this;
    this.every('paths', PATH_FLUSH_MS, () => engine.active.flush());
    this.every('silence', SILENCE_MS, () => this.silence.sweep());
    this.every('sweep', SWEEP_RETRY_MS, () => this.sweepAll());
    this.every('doubts', DOUBTS_MS, () => this.resolveDoubts());
    this.every('moves', MOVES_MS, () => Promise.resolve(this.moves.sweep(this.clock.nowMs())));
    this.every('followed', FOLLOWED_MS, () => Promise.resolve(engine.followed.sweep()));
    for (const [marketId, served] of engine.markets)
      this.every(`requests ${marketId}`, SWEEP_MS, () => this.sweep(marketId, served));
  }

  /** Resolves when nothing runs any more and the paths are stored. */
  async stop(): Promise<void> {
    for (const timer of this.timers) timer.cancel();
    await Promise.all(this.running.values());
    await this.engine.active.flush();
  }

  /** News of seats may be among those that were lost. */
  checkSeats(): void {
    this.run('seats', () => checkSeats(this.engine));
  }

  private resolveDoubts(): Promise<void> {
    return this.engine.doubts.resolve((trip, doubt) => catchUp(this.engine, trip, doubt));
  }

  /** Once more when it was called for while it ran: what it has read may be older than what it is to find. */
  private async sweepAll(): Promise<void> {
    while (this.mustSweep) {
      this.mustSweep = false;
      try {
        for (const served of this.engine.markets.values()) await this.takeUpRequests(served);
      } catch (error) {
        this.mustSweep = true;
        throw error;
      }
    }
  }

  private async takeUpRequests(served: ServedMarket): Promise<void> {
    const found = await sweepRequests(this.engine, served);
    if (found > 0) this.engine.log.info({ market: served.market.marketId, found }, 'requests taken up');
  }

  private async sweep(marketId: MarketId, served: ServedMarket): Promise<void> {
    const found = await sweepRequests(this.engine, served, 2 * SWEEP_MS);
    if (found > 0)
      this.engine.log.warn({ market: marketId, found }, 'sweep found requests nobody had announced');
  }

  private every(duty: string, periodMs: number, work: () => Promise<void>): void {
    this.timers.push(this.clock.every(periodMs, () => this.run(duty, work)));
  }

  private run(duty: string, work: () => Promise<void>): void {
    if (this.running.has(duty)) return;
    const guarded = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        this.engine.log.warn({ err: error, duty }, 'a regular duty failed; it runs again');
      } finally {
        this.running.delete(duty);
      }
    };
    this.running.set(duty, guarded());
  }
}
