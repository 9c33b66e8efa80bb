import type { Place } from '../../src/domain/place.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { until } from '../../src/private-processes.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { histogramQuantile } from '../../src/sim/demo/server-figures.ts';
import { LoadChild } from '../load/load-child.ts';
import { shortfallOf } from '../load/open-loop.ts';
import { quantileOf } from '../suite/figures.ts';
import { cpuUsOf } from '../suite/process-usage.ts';
import { OffersChild } from './offers-child.ts';
import type { AskingFigures, AskingPlan } from './offers-messages.ts';
import type { OffersTarget } from './offers-target.ts';

const DRIVERS = 300;
const RIDERS = 200;
/** Drivers are in plenty everywhere in it: no request waits for one. */
const HALF_SIDE_M = 1_500;
const { south, north, west, east } = DEFAULT_MARKET.bounds;
const CITY: Place = { lat: (south + north) / 2, lng: (west + east) / 2 };
/** Peers know no vehicles: where none of the drivers of the load is, so that only the timed ones are offered rides. In the peers’ favour, who have fewer to search. */
const OUT_OF_TOWN: Place = { lat: CITY.lat + 1.5, lng: CITY.lng };
const COUNTED_MS_MAX = 30_000;
/** A server that has more than so much of a second’s pings still to store at the end does not sustain them, nor one that drops any. */
const BEHIND_S_MAX = 0.5;

/** Pings beside the offers, in an open loop, one a frame. */
export interface PingFlood {
  readonly pingsPerS: number;
  readonly sockets: number;
  /** Each socket writes so many at once. */
  readonly framesPerWrite: number;
}

/** What is asked for beside it: first untimed, while the server’s code is compiled, then timed. */
export interface AskingRounds {
  readonly warmUp: AskingPlan;
  readonly timed: AskingPlan;
}

export interface OffersTrial {
  /** Client’s side: from the write of the request to the driver’s receipt of the offer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The server’s own account; null when it keeps none. */
  readonly own: { readonly p99Ms: number | null; readonly tickP99Ms: number | null } | null;
  /** Share of a CPU. */
  readonly serverCores: number;
  /** Pings a second that were sent, and how late the latest was: what is late comes in a heap, which no server deals with at once. */
  readonly pingsPerS: number;
  readonly loadLateMs: number;
  readonly asking: AskingFigures;
  /** Pings sent and not stored yet when the last request had been answered. */
  readonly behind: number;
  /** Of those, the ones that the server says it has taken no notice of. */
  readonly dropped: number;
  /** Why this tells nothing of the server, which was not loaded as planned; null when it was. */
  readonly shortfall: string | null;
  readonly isSustained: boolean;
}

/** A server with its timed drivers and riders, for one trial after the other. */
export class OffersBench {
  private readonly target: OffersTarget;
  private readonly offers: OffersChild;
  private readonly clock: Clock;
  private readonly seed: number;
  private sentByLoads = 0;

  static async open(target: OffersTarget, seed: number, clock: Clock): Promise<OffersBench> {
    const { server, port } = target;
    const center = server === 'hexdispatch' ? CITY : OUT_OF_TOWN;
    const plan = { server, port, seed, center, halfSideM: HALF_SIDE_M, drivers: DRIVERS, riders: RIDERS };
    return new OffersBench(target, await OffersChild.connect(plan, clock), seed, clock);
  }

  private constructor(target: OffersTarget, offers: OffersChild, seed: number, clock: Clock) {
    this.target = target;
    this.offers = offers;
    this.seed = seed;
    this.clock = clock;
  }

  /** Rejects when a ping or, by a server that keeps up, a request was lost. */
  async run(flood: PingFlood, { warmUp, timed }: AskingRounds): Promise<OffersTrial> {
    const { target, clock, seed } = this;
    const { sockets, pingsPerS, framesPerWrite } = flood;
    const shape = { framesPerWrite, fixesPerFrame: 1 };
    const load = await LoadChild.connect(
      { speech: target.subject, port: target.port, sockets, shape, seed },
      clock,
    );
    try {
      load.stream(pingsPerS / framesPerWrite);
      await this.offers.ask(warmUp);
      const from = await this.read(load);
      const figures = await this.offers.ask(timed);
      const to = await this.read(load);
      const halted = await load.figures('halt');
      this.sentByLoads += halted.sentBefore + halted.sent;
      const behind = this.sentByLoads + figures.fixesSent - (await target.counted());
      const dropped = await target.dropped();
      const measured = trialOf(from, to, figures, behind);
      const isSustained = measured.isSustained && dropped === 0;
      const shortfall = shortfallOf(measured.pingsPerS, pingsPerS);
      const trial = { ...measured, isSustained, dropped, shortfall, loadLateMs: halted.lateMsMax };
      if (trial.isSustained) await this.assertNothingLost(trial);
      return trial;
    } finally {
      await load.stop();
    }
  }

  stop(): Promise<void> {
    return this.offers.stop();
  }

  async read(load: LoadChild) {
    const samples = await this.target.samples();
    const serverUs = await cpuUsOf(this.target.pid);
    return { samples, serverUs, atMs: performance.now(), sent: (await load.figures('report')).sent };
  }

  private async assertNothingLost({ asking }: OffersTrial): Promise<void> {
    const { target, clock, sentByLoads } = this;
    const { asked, offered, refused, fixesSent } = asking;
    const told = Object.values(refused).reduce((sum, count) => sum + count, 0);
    if (offered + told < asked)
      throw new Error(`${target.subject}: ${asked - offered - told} of ${asked} requests were forgotten`);
    const sent = sentByLoads + fixesSent;
    const what = `${target.subject}: the count of all ${sent} pings`;
    const counted = await until({ clock, what, timeoutMs: COUNTED_MS_MAX, everyMs: 100 }, async () => {
      const all = (await target.counted()) + (await target.dropped());
      return all >= sent ? target.counted() : null;
    });
    if (counted !== sent) throw new Error(`${target.subject}: of ${sent} pings it has taken ${counted}`);
  }
}

type Reading = Awaited<ReturnType<OffersBench['read']>>;

function trialOf(
  from: Reading,
  to: Reading,
  asking: AskingFigures,
  behind: number,
): Omit<OffersTrial, 'dropped' | 'loadLateMs' | 'shortfall'> {
  const wallS = (to.atMs - from.atMs) / 1_000;
  const pingsPerS = (to.sent - from.sent) / wallS;
  const ownQuantile = (name: string): number | null =>
    histogramQuantile(from.samples!, to.samples!, { name: `hexdispatch_${name}_ms` }, 0.99);
  return {
    p50Ms: quantileOf(asking.latenciesMs, 0.5),
    p99Ms: quantileOf(asking.latenciesMs, 0.99),
    own:
      to.samples === null
        ? null
        : { p99Ms: ownQuantile('offer_latency'), tickP99Ms: ownQuantile('tick_duration') },
    serverCores: (to.serverUs - from.serverUs) / 1e6 / wallS,
    ...{ pingsPerS, asking, behind },
    isSustained: behind <= pingsPerS * BEHIND_S_MAX && asking.unasked === 0,
  };
}
