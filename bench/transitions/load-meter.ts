import { assert } from '../../src/lib/assert.ts';
import { quantileOf } from '../suite/figures.ts';
import { familyCpuUsOf } from '../suite/process-usage.ts';
import type { LoadReport } from './load-messages.ts';

interface Reading {
  readonly atMs: number;
  readonly postgresUs: number;
  readonly clientUs: number;
}

/** Counts transitions as they are acknowledged, and what the two sides used between `begin` and `end`. */
export class LoadMeter {
  readonly #postgresPid: number;
  readonly #latenciesMs: number[] = [];
  #inAll = 0;
  #from: Reading | null = null;
  #to: Reading | null = null;

  constructor(postgresPid: number) {
    this.#postgresPid = postgresPid;
  }

  /** Times what ends with the acknowledgement of a transition. */
  async timed<T>(transition: () => Promise<T>): Promise<T> {
    const sinceMs = performance.now();
    const answer = await transition();
    this.#inAll++;
    if (this.#from !== null && this.#to === null) this.#latenciesMs.push(performance.now() - sinceMs);
    return answer;
  }

  /** Acknowledged since the start. */
  get inAll(): number {
    return this.#inAll;
  }

  async begin(): Promise<void> {
    this.#from = await this.#read();
  }

  async end(): Promise<void> {
    this.#to = await this.#read();
  }

  /** After `end`. */
  report(): LoadReport {
    const [from, to] = [this.#from, this.#to];
    assert(from !== null && to !== null, 'nothing was measured yet');
    return {
      transitions: this.#latenciesMs.length,
      elapsedMs: to.atMs - from.atMs,
      postgresCpuUs: to.postgresUs - from.postgresUs,
      clientCpuUs: to.clientUs - from.clientUs,
      latenciesMs: [quantileOf(this.#latenciesMs, 0.5), quantileOf(this.#latenciesMs, 0.99)],
      transitionsInAll: this.#inAll,
    };
  }

  async #read(): Promise<Reading> {
    const postgresUs = await familyCpuUsOf(this.#postgresPid);
    const { user, system } = process.cpuUsage();
    return { atMs: performance.now(), postgresUs, clientUs: user + system };
  }
}
