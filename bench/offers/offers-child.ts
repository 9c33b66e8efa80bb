import { fileURLToPath } from 'node:url';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { pin } from '../suite/pinning.ts';
import type { AskingFigures, AskingPlan, FromOffers, OffersPlan, ToOffers } from './offers-messages.ts';

/** As built: below dist everything is JavaScript at its own place. */
const SCRIPT = fileURLToPath(new URL('./offers-process.js', import.meta.url));
const STOP_MS_MAX = 5_000;

/** The timed drivers and riders in a process of their own, on the CPU that is not the server's. Every call rejects when one of them broke. */
export class OffersChild {
  private readonly child: Child;
  private readonly broken: Promise<never>;
  private onAnswer: (message: FromOffers) => void = () => undefined;

  /** Connects all of the plan's drivers and riders. */
  static async connect(plan: OffersPlan, clock: Clock): Promise<OffersChild> {
    const offers = new OffersChild(clock);
    try {
      await pin(offers.child.pid!, 'rest');
      await offers.order({ kind: 'connect', plan });
      return offers;
    } catch (error) {
      await offers.stop();
      throw error;
    }
  }

  private constructor(clock: Clock) {
    this.child = new Child({ name: 'the timed drivers', args: [SCRIPT], env: process.env, clock });
    this.broken = new Promise((_, reject) => {
      this.child.onMessage((message: FromOffers) => {
        if (message.kind === 'failed') reject(new Error(`the timed drivers: ${message.message}`));
        else this.onAnswer(message);
      });
    });
    // Whoever waits for an answer is told.
    this.broken.catch(() => undefined);
  }

  async ask(plan: AskingPlan): Promise<AskingFigures> {
    const answer = await this.order({ kind: 'ask', plan });
    if (answer.kind !== 'asked') throw new Error(`the timed drivers answer ${answer.kind}`);
    return answer.figures;
  }

  stop(): Promise<void> {
    return this.child.stop(STOP_MS_MAX);
  }

  private order(order: ToOffers): Promise<FromOffers> {
    const answer = new Promise<FromOffers>((resolve) => (this.onAnswer = resolve));
    this.child.send(order);
    return Promise.race([this.child.before(answer), this.broken]);
  }
}
