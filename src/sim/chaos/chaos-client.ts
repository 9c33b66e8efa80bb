import type { Role } from '../../domain/role.ts';
import { issueToken } from '../../gateway/auth.ts';
import { assert, unreachable } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import { createPrng } from '../../lib/prng.ts';
import type { DriverMessage, RiderMessage } from '../../protocol/messages.ts';
import { HABITS, type Habits } from '../apps/habits.ts';
import type { Line, LineEvents } from '../apps/line.ts';
import { CityRun } from '../demo/city-run.ts';
import { HeapClock } from '../demo/heap-clock.ts';
import { PingPacker } from '../demo/ping-packer.ts';
import { SocketLine } from '../demo/socket-line.ts';
import { TokenLine } from '../demo/token-line.ts';
import { chaosCity } from './chaos-city.ts';
import type { ChaosStart, FromChaosClient, ToChaosClient } from './client-messages.ts';
import { HistoryWriter } from './history.ts';
import { ProbeField } from './probe-field.ts';
import { RecordedLine } from './recorded-line.ts';

const TIMER_STEP_MS = 5;
const STATS_MS = 1_000;
const TOKEN_TTL_S = 24 * 3_600;
const TROUBLES_MAX = 200;
const WRAP_UP_MS_MAX = 5_000;

/** The demo's people in a hurry: many trips in a short time, on phones that do not wait long for a dead server. */
const CHAOS_HABITS: Habits = {
  phone: { answerTimeoutMs: 2_000, retryMs: 150, retryMsMax: 1_500 },
  driver: {
    ...HABITS.driver,
    declines: 0.06,
    ignores: 0.02,
    answerMs: 800,
    givesUp: 0.03,
    mistypesPin: 0.02,
    pinAgainMs: 1_000,
    lostEveryMs: 120_000,
    outageMs: 2_000,
    comesDownMs: 1_000,
    idlePingMs: [2_000, 4_000],
    movingPingMs: [1_000, 2_000],
  },
  rider: {
    ...HABITS.rider,
    quotes: 0.15,
    quoteLeadMs: 1_500,
    cancelsSearching: 0.05,
    searchingPatienceMs: 4_000,
    cancelsMatched: 0.05,
    matchedPatienceMs: 8_000,
    patienceMs: 60_000,
    staysAway: 0.01,
    lostEveryMs: 60_000,
    outageMs: 2_000,
    lingersMs: 500,
  },
};

/** The clients' side of a chaos run: a city's apps and the probes, all with a history. */
export class ChaosClient {
  private readonly wall: Clock;
  private readonly tell: (message: FromChaosClient) => void;
  private clock: HeapClock | null = null;
  private run: CityRun | null = null;
  private probes: ProbeField | null = null;
  private history: HistoryWriter | null = null;
  private readonly packer = new PingPacker();
  private readonly troubles: string[] = [];

  constructor(wall: Clock, tell: (message: FromChaosClient) => void) {
    this.wall = wall;
    this.tell = tell;
  }

  /** Rejects with one sentence when it cannot be done. */
  async take(message: ToChaosClient): Promise<void> {
    switch (message.kind) {
      case 'start':
        return this.start(message.start);
      case 'probe':
        for (const zone of message.zones) {
          this.probes?.probe(zone, message.avoid, (outcome) =>
            this.tell({ kind: 'probed', cause: message.cause, zone, outcome }),
          );
        }
        return;
      case 'settle':
        return this.settle(message.forMsMax);
      case 'close':
        return this.close();
      default:
        return unreachable(message);
    }
  }

  private async start(start: ChaosStart): Promise<void> {
    const { city, market, zones } = chaosCity(start.spec);
    const clock = new HeapClock(this.wall, TIMER_STEP_MS);
    const prng = createPrng(start.spec.seed);
    const history = new HistoryWriter(start.historyFile, this.wall);
    const token = (role: Role, subject: string): Promise<string> => this.token(start, role, subject);
    const openLine = this.lines(history, token);
    this.clock = clock;
    this.history = history;
    this.run = new CityRun({
      ...{ city, beginsMs: city.startMs, clock, wall: this.wall, prng: prng.fork(), habits: CHAOS_HABITS },
      runTag: start.runTag,
      noShowMs: market.noShowMs,
      pingStretch: () => 1,
      servers: start.urls,
      openLine,
      onTrouble: (what) => this.noteTrouble(what),
    });
    this.probes = new ProbeField({
      ...{ clock, prng: prng.fork(), history, zones, urls: start.urls, runTag: start.runTag },
      habits: CHAOS_HABITS.phone,
      token: (subject) => token('rider', subject),
      line: (account, events) => openLine('driver', account, events),
    });
    await Promise.all([this.run.comeOnline(), this.probes.comeOnline()]);
    void this.run.begin();
    this.wall.every(STATS_MS, () => this.tellStats());
    this.tell({ kind: 'online' });
  }

  private token({ secret }: ChaosStart, role: Role, subject: string): Promise<string> {
    const key = Buffer.from(secret, 'utf8');
    return issueToken({ secret: key, role, subject, ttlS: TOKEN_TTL_S, wallNowMs: this.wall.nowMs() });
  }

  private lines(history: HistoryWriter, token: (role: Role, subject: string) => Promise<string>) {
    return (
      role: 'driver' | 'rider',
      who: string,
      events: LineEvents,
    ): Line<DriverMessage | RiderMessage> => {
      const context = {
        // The phones choose among servers.
        serverUrl: '',
        packer: this.packer,
        onTrouble: (what: string) => this.noteTrouble(`${who}: ${what}`),
      };
      return new RecordedLine({
        ...{ history, who, events },
        carrier: (inner) =>
          new TokenLine(
            () => token(role, who),
            (text) => new SocketLine(context, text, inner),
          ),
      });
    };
  }

  private tellStats(): void {
    const { run, probes } = this;
    if (run === null || probes === null) return;
    const { counts, openCount } = run.book;
    this.tell({ kind: 'stats', rides: counts, openRides: openCount, openProbes: probes.openCount });
  }

  /** Waits for every ride to end by itself, for at most so long. */
  private async settle(forMsMax: number): Promise<void> {
    const { run, probes, history } = this;
    assert(run !== null && probes !== null && history !== null, 'start comes first');
    run.stopAsking();
    await this.untilOrLate(forMsMax, () => run.book.openCount === 0 && probes.openCount === 0);
    history.note('harness', { k: 'settled' });
    this.tell({ kind: 'settled', openRides: run.book.openCount, openProbes: probes.openCount });
  }

  private untilOrLate(forMsMax: number, isDone: () => boolean): Promise<void> {
    const untilMs = this.wall.nowMs() + forMsMax;
    return new Promise((resolve) => {
      const watch = this.wall.every(50, () => {
        if (!isDone() && this.wall.nowMs() < untilMs) return;
        watch.cancel();
        resolve();
      });
    });
  }

  private async close(): Promise<void> {
    const { run, probes } = this;
    assert(run !== null && probes !== null, 'start comes first');
    run.wrapUp();
    await this.untilOrLate(WRAP_UP_MS_MAX, () => run.isWrappedUp);
    run.close();
    probes.close();
    this.clock?.stop();
    this.history?.close();
    const phones = { ...run.counts, probe: probes.counts };
    const { counts: rides, refusedByCode } = run.book;
    this.tell({ kind: 'closed', report: { rides, refusedByCode, phones, troubles: this.troubles } });
  }

  private noteTrouble(what: string): void {
    if (this.troubles.length < TROUBLES_MAX) this.troubles.push(what);
  }
}
