import type { MarketId } from '../domain/ids.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { statusInput, type DispatchInput } from './dispatch-input.ts';
import type { Engine, ServedMarket } from './engine.ts';
import { catchUp } from './settlement.ts';
import { Silence } from './silence.ts';

/** Rows read from the store in one go; a city with more under way is read at the next sweep. */
const ROWS_MAX = 50_000;
const SWEEP_MS = 5_000;
const SILENCE_MS = 1_000;
const DOUBTS_MS = 1_000;
const PATH_FLUSH_MS = 5_000;

/**
 * Takes up what the store holds: drivers on duty, trips under way, searching requests with their offers. Rejects when the
 * store is out of reach: a server that cannot know its trips must not start.
 */
export async function takeUp(engine: Engine): Promise<void> {
  for (const served of engine.markets.values()) {
    const { marketId } = served.market;
    const [duties, trips] = await Promise.all([
      engine.store.driversOnDuty(marketId, ROWS_MAX),
      engine.store.tripsWithDriver(marketId, ROWS_MAX),
    ]);
    for (const { driverId, vehicle } of duties)
      served.dispatcher.input({ kind: 'driver_on_duty', driverId, vehicle });
    for (const trip of trips) {
      engine.active.update(trip);
      if (trip.driverId !== null) served.dispatcher.input(statusInput(trip.driverId, trip));
    }
    const requests = await sweepRequests(engine, served);
    engine.log.info({ market: marketId, drivers: duties.length, trips: trips.length, requests }, 'taken up');
  }
}

/**
 * R6: finds the requests and offers this dispatcher was not told of; answers how many. Those younger than `ageMsMin` are
 * left alone: whoever stored them is about to tell.
 */
async function sweepRequests(engine: Engine, served: ServedMarket, ageMsMin = 0): Promise<number> {
  const { dispatcher, market } = served;
  const searching = await engine.store.searchingTrips(market.marketId, ROWS_MAX);
  const inputs: DispatchInput[] = [];
  for (const { trip, excluded, liveOffers } of searching) {
    if (dispatcher.state.requests.has(trip.tripId)) continue;
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
  private readonly engine: Engine;
  private readonly clock: Clock;
  private readonly timers: Timer[] = [];
  private readonly running = new Map<string, Promise<void>>();

  /** `clock` paces the duties: the machine's own, so that a demo that runs faster asks no more of the stores. */
  constructor(engine: Engine, clock: Clock) {
    this.engine = engine;
    this.clock = clock;
  }

  start(): void {
    const { engine } = this;
    this.every('paths', PATH_FLUSH_MS, () => engine.active.flush());
    const silence = new Silence(engine);
    this.every('silence', SILENCE_MS, () => silence.sweep());
    this.every('doubts', DOUBTS_MS, () =>
      engine.doubts.resolve((trip, doubt) => catchUp(engine, trip, doubt)),
    );
    for (const [marketId, served] of engine.markets)
      this.every(`requests ${marketId}`, SWEEP_MS, () => this.sweep(marketId, served));
  }

  /** Resolves when nothing runs any more and the paths are stored. */
  async stop(): Promise<void> {
    for (const timer of this.timers) timer.cancel();
    await Promise.all(this.running.values());
    await this.engine.active.flush();
  }

  private async sweep(marketId: MarketId, served: ServedMarket): Promise<void> {
    const found = await sweepRequests(this.engine, served, 2 * SWEEP_MS);
    if (found > 0)
      this.engine.log.warn({ market: marketId, found }, 'sweep found requests nobody had announced');
  }

  private every(duty: string, periodMs: number, work: () => Promise<void>): void {
    const run = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        this.engine.log.warn({ err: error, duty }, 'a regular duty failed; it runs again');
      } finally {
        this.running.delete(duty);
      }
    };
    const fire = (): void => {
      if (!this.running.has(duty)) this.running.set(duty, run());
    };
    this.timers.push(this.clock.every(periodMs, fire));
  }
}
