import { fileURLToPath } from 'node:url';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { pin } from '../suite/pinning.ts';
import type { FromLoad, LoadFigures, LoadPlan, ToLoad } from './load-messages.ts';

/** As built: below dist everything is JavaScript at its own place. */
const SCRIPT = fileURLToPath(new URL('./load-process.js', import.meta.url));
const STOP_MS_MAX = 5_000;

/** A load generator in a process of its own, on the CPU that is not the server's. Every call rejects when the load broke. */
export class LoadChild {
  private readonly child: Child;
  private failure: Error | null = null;
  private onAnswer: ((message: FromLoad) => void) | null = null;

  /** Connects all of the plan's drivers. */
  static async connect(plan: LoadPlan, clock: Clock): Promise<LoadChild> {
    const load = new LoadChild(clock);
    try {
      await pin(load.child.pid!, 'rest');
      await load.ask({ kind: 'connect', plan });
      return load;
    } catch (error) {
      await load.stop();
      throw error;
    }
  }

  private constructor(clock: Clock) {
    this.child = new Child({ name: 'the load', args: [SCRIPT], env: process.env, clock });
    this.child.onMessage((message: FromLoad) => {
      if (message.kind === 'failed') this.failure ??= new Error(`the load: ${message.message}`);
      this.onAnswer?.(message);
    });
  }

  flood(): void {
    this.child.send({ kind: 'flood' } satisfies ToLoad);
  }

  stream(writesPerS: number): void {
    this.child.send({ kind: 'stream', writesPerS } satisfies ToLoad);
  }

  /** So far; with `halt`, all that will have been sent. */
  async figures(kind: 'report' | 'halt'): Promise<LoadFigures> {
    const answer = await this.ask({ kind });
    if (answer.kind !== 'figures') throw new Error(`the load answers ${answer.kind}`);
    return answer.figures;
  }

  stop(): Promise<void> {
    return this.child.stop(STOP_MS_MAX);
  }

  private ask(order: ToLoad): Promise<FromLoad> {
    const answer = new Promise<FromLoad>((resolve, reject) => {
      if (this.failure !== null) return reject(this.failure);
      this.onAnswer = (message) => {
        this.onAnswer = null;
        if (this.failure === null) resolve(message);
        else reject(this.failure);
      };
    });
    this.child.send(order);
    return this.child.before(answer);
  }
}
