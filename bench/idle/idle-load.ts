import { fileURLToPath } from 'node:url';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { pin } from '../suite/pinning.ts';
import type { FromIdle, IdlePlan, ToIdle } from './idle-messages.ts';

/** As built: below dist everything is JavaScript at its own place. */
const SCRIPT = fileURLToPath(new URL('./idle-process.js', import.meta.url));
const STOP_MS_MAX = 5_000;
/** Half of what an address has ports for (some 28,000), and no more than a process may have open files. */
const SOCKETS_PER_PROCESS = 10_000;
const PROCESSES_PER_ADDRESS = 2;

/** Idle drivers in as many processes and from as many addresses as they need. Every call rejects when a socket was lost. */
export class IdleLoad {
  private readonly plans: readonly IdlePlan[];
  private readonly children: readonly Child[];
  private failure: Error | null = null;

  /** Drivers `first` to `first + count - 1`; nobody connects yet. */
  static async start(
    options: Pick<IdlePlan, 'subject' | 'port' | 'first' | 'count'>,
    clock: Clock,
  ): Promise<IdleLoad> {
    const load = new IdleLoad(options, clock);
    for (const child of load.children) await pin(child.pid!, 'rest');
    return load;
  }

  private constructor(options: Pick<IdlePlan, 'subject' | 'port' | 'first' | 'count'>, clock: Clock) {
    const { first, count } = options;
    const processes = Math.ceil(count / SOCKETS_PER_PROCESS);
    this.plans = Array.from({ length: processes }, (_, i) => ({
      ...options,
      first: first + i * SOCKETS_PER_PROCESS,
      count: Math.min(SOCKETS_PER_PROCESS, count - i * SOCKETS_PER_PROCESS),
      localAddress: addressOf(i),
    }));
    this.children = this.plans.map(
      () => new Child({ name: 'the idle drivers', args: [SCRIPT], env: process.env, clock }),
    );
  }

  /** Resolves when all have been let in. */
  async connect(): Promise<void> {
    await this.askAll((i) => ({ kind: 'connect', plan: this.plans[i]! }), 'connected');
  }

  /** Resolves when all are on duty and have sent a fix. */
  async goOnDuty(): Promise<void> {
    await this.askAll(() => ({ kind: 'go_on_duty' }), 'on_duty');
  }

  /** Throws when a socket has been lost since. */
  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  async stop(): Promise<void> {
    await Promise.all(this.children.map((child) => child.stop(STOP_MS_MAX)));
  }

  private async askAll(orderOf: (i: number) => ToIdle, answer: FromIdle['kind']): Promise<void> {
    await Promise.all(this.children.map((child, i) => this.ask(child, orderOf(i), answer)));
  }

  private ask(child: Child, order: ToIdle, answer: FromIdle['kind']): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      child.onMessage((message: FromIdle) => {
        if (message.kind === 'failed') {
          this.failure ??= new Error(`the idle drivers: ${message.message}`);
          reject(this.failure);
        } else if (message.kind === answer) resolve();
      });
    });
    child.send(order);
    return child.before(answered);
  }
}

/** The first ones come from where the system likes. */
function addressOf(process: number): string | null {
  const address = Math.floor(process / PROCESSES_PER_ADDRESS);
  return address === 0 ? null : `127.0.0.${1 + address}`;
}
