import type { Clock } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import type { Place } from '../../domain/place.ts';
import { contentHash, type HistoryWriter } from './history.ts';

export interface ProbeRiderOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly history: HistoryWriter;
  /** The account; of this rider alone. */
  readonly who: string;
  readonly token: string;
  /** `http://…` of the servers it may ask, at least one. */
  readonly urls: readonly string[];
  readonly pickup: Place;
  readonly dropoff: Place;
  /** Resolves once an offer of the trip is on somebody's screen. */
  readonly offerOf: (tripId: string) => Promise<void>;
}

/** How a probe went, Unix ms; null: not within PROBE_MS_MAX. */
export interface ProbeOutcome {
  readonly tripId: string | null;
  readonly sentMs: number;
  readonly acknowledgedMs: number | null;
  readonly toldMs: number | null;
}

interface HttpCommand {
  readonly t: 'request' | 'cancel';
  readonly id: string;
  readonly path: string;
  readonly body: object;
}

interface Answer {
  readonly ok: boolean;
  readonly tripId: string | null;
}

/** A zone that has not been served by then counts as so slow. */
export const PROBE_MS_MAX = 25_000;
const ATTEMPT_MS_MAX = 1_000;
const RETRY_MS = 100;
/** Shares of probes that press the button twice: on two replicas with one key, and anew with another key. */
const TWINS = 0.3;
const SECOND_WISHES = 0.15;

/**
 * A rider without an app, over HTTP: asks for a ride in a zone, waits until some driver is offered it, and cancels. Asks one
 * server after the other until one answers. Some do what riders should not: press twice, on two replicas, and ask for a second ride.
 */
export class ProbeRider {
  private readonly options: ProbeRiderOptions;
  private at: number;

  constructor(options: ProbeRiderOptions) {
    this.options = options;
    this.at = options.prng.int(options.urls.length);
  }

  /** Resolves when its ride has ended; never rejects. */
  async run(told: (outcome: ProbeOutcome) => void): Promise<void> {
    const { clock, prng } = this.options;
    const [isTwin, wishesTwice] = [prng.chance(TWINS), prng.chance(SECOND_WISHES)];
    const sentMs = clock.nowMs();
    const request = this.request('p1');
    const answers = await Promise.all([
      this.untilAnswered(request),
      ...(isTwin ? [this.untilAnswered(request)] : []),
    ]);
    const tripId = answers.find(({ ok }) => ok)?.tripId ?? null;
    const acknowledgedMs = tripId === null ? null : clock.nowMs();
    const second = wishesTwice ? await this.untilAnswered(this.request('p2')) : null;
    const toldMs = tripId === null ? null : await this.offerWithin(tripId, sentMs + PROBE_MS_MAX);
    told({ tripId, sentMs, acknowledgedMs, toldMs });
    for (const trip of new Set([...answers, second].map((answer) => answer?.tripId ?? null)))
      if (trip !== null) await this.untilAnswered(this.cancel(trip));
  }

  private request(id: string): HttpCommand {
    const { pickup, dropoff } = this.options;
    return { t: 'request', id, path: '/v1/trips', body: { pickup, dropoff, vehicleClass: 'xl', seats: 5 } };
  }

  private cancel(tripId: string): HttpCommand {
    return {
      t: 'cancel',
      id: `c-${tripId}`,
      path: `/v1/trips/${tripId}/cancel`,
      body: { reason: 'only a probe' },
    };
  }

  private async offerWithin(tripId: string, untilMs: number): Promise<number | null> {
    const { clock, offerOf } = this.options;
    const offered = offerOf(tripId).then(() => clock.nowMs());
    return Promise.race([offered, this.pause(untilMs - clock.nowMs()).then(() => null)]);
  }

  /** The same command with the same key, to the next server each time, until one says yes or no for good. */
  private async untilAnswered(command: HttpCommand): Promise<Answer> {
    for (;;) {
      const answer = await this.attempt(command);
      if (answer !== null) return answer;
      await this.pause(RETRY_MS * (0.5 + this.options.prng.float()));
    }
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.options.clock.after(delayMs, resolve));
  }

  /** Null: not answered, or not for good. */
  private async attempt(command: HttpCommand): Promise<Answer | null> {
    const { urls, history, who, clock } = this.options;
    const { t, id, path, body } = command;
    const to = urls[this.at++ % urls.length]!;
    const sent = { t, id, ...body };
    history.note(who, { k: 'sent', line: 0, to, hash: contentHash(sent), m: sent });
    const abort = new AbortController();
    const limit = clock.after(ATTEMPT_MS_MAX, () => abort.abort());
    try {
      const response = await fetch(`${to}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.options.token}`,
          'content-type': 'application/json',
          'idempotency-key': id,
        },
        body: JSON.stringify(body),
        signal: abort.signal,
      });
      return this.read(id, response.ok, (await response.json()) as Record<string, unknown>);
    } catch (error) {
      history.note(who, { k: 'failed', line: 0, id, why: error instanceof Error ? error.message : '?' });
      return null;
    } finally {
      limit.cancel();
    }
  }

  /** Noted as the same answer on a socket would be, so that one checker reads both. */
  private read(id: string, ok: boolean, body: Record<string, unknown>): Answer | null {
    const { history, who } = this.options;
    if (ok) {
      history.note(who, { k: 'got', line: 0, m: { t: 'ack', id, trip: body } });
      return { ok, tripId: String(body['tripId']) };
    }
    const { code, retryable, title } = body;
    history.note(who, { k: 'got', line: 0, m: { t: 'error', id, code, message: title, retryable } });
    return retryable === true ? null : { ok, tripId: null };
  }
}
