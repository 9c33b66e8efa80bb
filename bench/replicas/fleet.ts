import { DEFAULT_GRID, type Zone, zoneAt } from '../../src/domain/cell.ts';
import type { Place } from '../../src/domain/place.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import type { Clock, Timer } from '../../src/lib/clock.ts';
import { until } from '../../src/private-processes.ts';
import { createPrng, type Prng } from '../../src/lib/prng.ts';
import { engineSpeech, trackOf, unixMs } from '../load/engine-speech.ts';
import type { LoadedDriver, Speech } from '../load/speech.ts';
import { AUTH_SECRET } from '../suite/engine-server.ts';
import type { FleetFigures, FleetPlan } from './fleet-messages.ts';

const CONNECTING_MAX = 64;
/** Addresses that drivers come from: one runs out of ports when other programs hold or have just held thousands of its sockets. */
const ADDRESSES = 200;
const TOKEN_S = 3_600;
const SHAPE = { framesPerWrite: 1, fixesPerFrame: 1 };
/** The open loop looks at the time so often: as fine as timers go, for pings that come in heaps are cheaper than a city's are. */
const STEP_MS = 1;

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
  private driving: Timer | null = null;
  private sent = 0;
  private lateMsMax = 0;

  constructor(plan: FleetPlan, clock: Clock) {
    this.plan = plan;
    this.clock = clock;
    this.speech = engineSpeech(clock);
    this.prng = createPrng(plan.seed);
  }

  /** Brings more on duty, until there are `drivers` in all; answers how many are with each server. */
  async grow(drivers: number): Promise<number[]> {
    let next = this.drivers.length;
    const worker = async (): Promise<void> => {
      while (next < drivers) await this.bringOnDuty(next++);
    };
    await Promise.all(Array.from({ length: CONNECTING_MAX }, worker));
    return this.plan.serverUrls.map((_, i) => this.drivers.filter(({ server }) => server === i).length);
  }

  /** An open loop: what is due is sent, whatever the servers do. */
  drive(pingMs: number): void {
    const { clock, drivers } = this;
    const beganMs = unixMs();
    const perMs = drivers.length / pingMs;
    let written = 0;
    this.lateMsMax = 0;
    this.driving = clock.every(STEP_MS, () => {
      const nowMs = unixMs();
      const due = Math.floor((nowMs - beganMs) * perMs);
      this.lateMsMax = Math.max(this.lateMsMax, (due - written) / perMs);
      for (; written < due; written++, this.sent++) {
        const { loaded } = drivers[written % drivers.length]!;
        loaded.socket.write(loaded.next(nowMs));
      }
    });
  }

  async halt(): Promise<FleetFigures> {
    this.driving?.cancel();
    return { sent: this.sent, lateMsMax: this.lateMsMax, atOwnerShare: await this.atOwnerShare() };
  }

  private async bringOnDuty(n: number): Promise<void> {
    const { serverUrls, routing, seed } = this.plan;
    const prng = (): Prng => createPrng(BigInt(seed) * 1_000_003n + BigInt(n));
    const { home } = trackOf(prng());
    const server = routing === 'random' ? this.prng.int(serverUrls.length) : await this.ownerAt(home);
    const port = Number(new URL(serverUrls[server]!).port);
    const localAddress = `127.1.0.${1 + (n % ADDRESSES)}`;
    const loaded = await this.speech.join({ port, n, shape: SHAPE, prng, localAddress });
    this.sent += this.speech.fixesToJoin(SHAPE);
    this.drivers.push({ loaded, home, server });
  }

  private async atOwnerShare(): Promise<number> {
    // Zones may have changed hands since.
    this.owners.clear();
    let atOwner = 0;
    for (const { home, server } of this.drivers) if ((await this.ownerAt(home)) === server) atOwner++;
    return atOwner / this.drivers.length;
  }

  /** Asked once for each zone: an app asks as it starts, which is not what is measured here. */
  private ownerAt(place: Place): Promise<number> {
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
    const asked = until(wait, () => this.askForOwner(place));
    this.owners.set(zone, asked);
    return asked;
  }

  /** Null when the owner's address is not known yet. */
  private async askForOwner({ lat, lng }: Place): Promise<number | null> {
    const { serverUrls } = this.plan;
    if (serverUrls.length === 1) return 0;
    const token = await issueToken({
      ...{ secret: Buffer.from(AUTH_SECRET), role: 'driver', subject: 'bench-driver-0', ttlS: TOKEN_S },
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
