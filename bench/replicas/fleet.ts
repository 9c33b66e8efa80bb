import { DEFAULT_GRID, type Zone, zoneAt } from '../../src/domain/cell.ts';
import type { Place } from '../../src/domain/place.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { until } from '../../src/private-processes.ts';
import { createPrng, type Prng } from '../../src/lib/prng.ts';
import { engineSpeech, trackOf } from '../load/engine-speech.ts';
import { inParallel } from '../load/in-parallel.ts';
import { OpenLoop } from '../load/open-loop.ts';
import type { LoadedDriver, Speech } from '../load/speech.ts';
import { AUTH_SECRET } from '../suite/engine-server.ts';
import type { FleetFigures, FleetPlan } from './fleet-messages.ts';

const CONNECTING_MAX = 64;
const TOKEN_S = 3_600;
const SHAPE = { framesPerWrite: 1, fixesPerFrame: 1 };

interface FleetDriver {
  readonly loaded: LoadedDriver;
  readonly home: Place;
  /** Index in the plan's servers. */
  readonly server: number;
}

/** So many idle drivers at 8 m/s all over the market, each with a socket of their own, one fix a frame. */
export class Fleet {
  private readonly plan: FleetPlan;
  private readonly clock: Clock;
  private readonly speech: Speech;
  /** Draws the servers of random routing. */
  private readonly prng: Prng;
  private readonly drivers: FleetDriver[] = [];
  private readonly owners = new Map<Zone, Promise<number>>();
  private driving: OpenLoop | null = null;
  private sent = 0;

  constructor(plan: FleetPlan, clock: Clock) {
    this.plan = plan;
    this.clock = clock;
    this.speech = engineSpeech(clock);
    this.prng = createPrng(plan.seed);
  }

  /** Brings more on duty, until there are `drivers` in all; answers how many are with each server. */
  async grow(drivers: number): Promise<number[]> {
    const there = this.drivers.length;
    await inParallel(drivers - there, CONNECTING_MAX, (n) => this.bringOnDuty(there + n));
    return this.plan.serverUrls.map((_, i) => this.drivers.filter(({ server }) => server === i).length);
  }

  /** An open loop: what is due is sent, whatever the servers do. */
  drive(pingMs: number): void {
    const { clock, drivers } = this;
    this.driving = new OpenLoop(clock, (drivers.length * 1_000) / pingMs, (n, nowMs) => {
      const { loaded } = drivers[n % drivers.length]!;
      loaded.socket.write(loaded.next(nowMs));
      this.sent++;
    });
  }

  async halt(): Promise<FleetFigures> {
    this.driving?.stop();
    return {
      sent: this.sent,
      lateMsMax: this.driving?.lateMsMax ?? 0,
      atOwnerShare: await this.atOwnerShare(),
    };
  }

  private async bringOnDuty(n: number): Promise<void> {
    const { serverUrls, routing, seed } = this.plan;
    const prng = (): Prng => createPrng(BigInt(seed) * 1_000_003n + BigInt(n));
    const { home } = trackOf(prng());
    const server = routing === 'random' ? this.prng.int(serverUrls.length) : await this.ownerAt(home, n);
    const port = Number(new URL(serverUrls[server]!).port);
    const loaded = await this.speech.join({ port, n, shape: SHAPE, prng });
    this.sent += this.speech.fixesToJoin(SHAPE);
    this.drivers.push({ loaded, home, server });
  }

  private async atOwnerShare(): Promise<number> {
    // Zones may have changed hands since.
    this.owners.clear();
    let atOwner = 0;
    for (const [n, { home, server }] of this.drivers.entries())
      if ((await this.ownerAt(home, n)) === server) atOwner++;
    return atOwner / this.drivers.length;
  }

  /** Asked once for each zone, by the `n`th driver: an app asks as it starts, which is not what is measured here. */
  private ownerAt(place: Place, n: number): Promise<number> {
    const zone = zoneAt(place.lat, place.lng, DEFAULT_GRID);
    const known = this.owners.get(zone);
    if (known !== undefined) return known;
    // A server that has just joined tells its address with its next beat.
    const wait = {
      clock: this.clock,
      what: 'the address of a zone’s owner',
      timeoutMs: 10_000,
      everyMs: 200,
    };
    const asked = until(wait, () => this.askForOwner(place, n));
    this.owners.set(zone, asked);
    return asked;
  }

  /** Null when the owner's address is not known yet. */
  private async askForOwner({ lat, lng }: Place, n: number): Promise<number | null> {
    const { serverUrls } = this.plan;
    if (serverUrls.length === 1) return 0;
    const token = await issueToken({
      ...{ secret: Buffer.from(AUTH_SECRET), role: 'driver', subject: `bench-driver-${n}`, ttlS: TOKEN_S },
      wallNowMs: this.clock.nowMs(),
    });
    const answer = await fetch(`${serverUrls[0]!}/v1/connect?lat=${lat}&lng=${lng}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (answer.status !== 200) throw new Error(`connect answers ${answer.status}`);
    const { url, here } = (await answer.json()) as { url: string | null; here: boolean };
    if (here) return 0;
    if (url === null) return null;
    const server = serverUrls.indexOf(url.replace(/^ws/, 'http'));
    if (server < 0) throw new Error(`connect names ${url}, which is none of the servers`);
    return server;
  }
}
