import { fileURLToPath } from 'node:url';
import type { AutocannonRequest } from 'autocannon';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { pin } from '../suite/pinning.ts';

/** As built: below dist everything is JavaScript at its own place. */
const PROCESS = fileURLToPath(new URL('./http-load-process.js', import.meta.url));
const STOP_MS_MAX = 5_000;

/** What one measurement is to be. */
export interface HttpPlan {
  /** `http://HOST:PORT` of the server. */
  readonly url: string;
  /** Comes before the paths of the lists. */
  readonly path: string;
  /** Which answers count as right. */
  readonly status: number;
  readonly serverPid: number;
  /** Under the same load, before anything is counted, until this many were answered: code is compiled, tokens are checked for the first time. */
  readonly warmUpAnswers: number;
  /** But no longer than this. */
  readonly warmUpMsMax: number;
  readonly measureMs: number;
}

/** What came out, of the measured stretch alone. */
export interface HttpAnswers {
  /** All with the plan's status. */
  readonly answers: number;
  readonly seconds: number;
  /** Head and body. */
  readonly bytesPerAnswer: number;
  /** CPU time of the server, and of the generator, µs. */
  readonly serverUs: number;
  readonly clientUs: number;
  /** With those of the warm-up. */
  readonly answersInAll: number;
}

type FromProcess = { started: true } | { answers: HttpAnswers } | { error: string };

/**
 * autocannon in a process of its own, on the CPU that the server does not have: as many connections as lists, each asks its own list over
 * and over, the next question when the answer to the last has come (no pipelining).
 */
export class HttpLoad {
  private readonly child: Child;
  private heard: (message: FromProcess) => void = () => undefined;

  private constructor(child: Child) {
    this.child = child;
    child.onMessage<FromProcess>((message) => this.heard(message));
  }

  static async start(lists: readonly (readonly AutocannonRequest[])[], clock: Clock): Promise<HttpLoad> {
    const child = new Child({ name: 'the HTTP load', args: [PROCESS], env: process.env, clock });
    const load = new HttpLoad(child);
    try {
      await load.next();
      await pin(child.pid!, 'rest');
      child.send({ lists });
      return load;
    } catch (error) {
      await load.stop();
      throw error;
    }
  }

  /** One at a time. Rejects when any request was not answered with the plan's status. */
  async measure(plan: HttpPlan): Promise<HttpAnswers> {
    const answered = this.next();
    this.child.send({ plan });
    const message = await answered;
    if ('answers' in message) return message.answers;
    throw new Error(`HTTP load on ${plan.url}: ${'error' in message ? message.error : 'out of step'}`);
  }

  stop(): Promise<void> {
    return this.child.stop(STOP_MS_MAX);
  }

  private next(): Promise<FromProcess> {
    return this.child.before(new Promise((resolve) => (this.heard = resolve)));
  }
}
