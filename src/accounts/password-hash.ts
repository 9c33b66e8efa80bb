import { hash, type Options, verify } from '@node-rs/argon2';
import { normalPassword } from '../domain/password.ts';
import type { Clock } from '../lib/clock.ts';
import { Turnstile } from '../lib/turnstile.ts';

/** OWASP's choice for argon2id (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane: some 20 ms of a core. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const satisfies Options;
/** How the text of a hash made at this cost begins. */
const PREFIX = `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=${COST.parallelism}$`;

/** Node has four threads for such work, which files and names need too; each hash holds 19 MiB. */
const AT_ONCE_MAX = 2;
const WAITING_MAX = 64;
const WAIT_MS_MAX = 2_000;

/** What a check of a password says; `isOutdated`: right, and to be hashed anew at today's cost. */
export interface PasswordCheck {
  readonly isRight: boolean;
  readonly isOutdated: boolean;
}

/** Hashes passwords, at most two at once; null from a method: too many wait for it (R10). */
export class PasswordHasher {
  readonly #turnstile: Turnstile;
  /** Of a password nobody has: for accounts that do not exist, so that they take as long. */
  #nobodys: Promise<string> | null = null;

  constructor(clock: Clock) {
    this.#turnstile = new Turnstile({
      ...{ clock, runningMax: AT_ONCE_MAX, waitingMax: WAITING_MAX, waitMsMax: WAIT_MS_MAX },
    });
  }

  async hash(password: string): Promise<string | null> {
    const made = await this.#turnstile.run(async () => ({
      hash: await hash(normalPassword(password), COST),
    }));
    return made?.hash ?? null;
  }

  /** Against nothing (`null`) it takes the same time, and is wrong. */
  async check(password: string, known: string | null): Promise<PasswordCheck | null> {
    return this.#turnstile.run(async () => {
      const against = known ?? (await (this.#nobodys ??= hash(NOBODYS, COST)));
      const isRight = (await verify(against, normalPassword(password))) && known !== null;
      return { isRight, isOutdated: isRight && !against.startsWith(PREFIX) };
    });
  }
}

const NOBODYS = 'nobody has this password, and were it anybody’s it would still be wrong';
