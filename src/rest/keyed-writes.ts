import { createHash } from 'node:crypto';
import { accountOf, type Principal } from '../dispatch/desk.ts';
import { REJECTIONS, rejected, type Result } from '../domain/rejection.ts';
import type { Clock } from '../lib/clock.ts';
import { openText, sealText } from '../lib/envelope.ts';
import type { KeyedWrite, RestAnswers } from '../store/rest-answers.ts';
import type { Call, Handler } from './call.ts';

export interface KeyedWritesOptions {
  readonly answers: RestAnswers;
  /** 32 bytes, the same on all replicas: answers have personal data in them. */
  readonly sealingKey: Uint8Array;
  readonly wallClock: Clock;
}

/** A try that has no answer after so long was cut off with its replica: the next one is let through. Longer than any answer takes. */
const TRY_MS_MAX = 30_000;

/**
 * Gives the same answer to the same key, on any replica (R5), without doing the write again. An answer that says to try again later is not kept. A replica
 * that dies in the middle of a write leaves its key without an answer: half a minute later the write is done again, so what it does must bear that, as a state that is set does.
 */
export class KeyedWrites {
  private readonly options: KeyedWritesOptions;

  constructor(options: KeyedWritesOptions) {
    this.options = options;
  }

  /** What `handle` answers, or has answered to this key before; `in_progress` while it is at it elsewhere, `key_reused` when the key was for another write. */
  async run(operation: string, call: Call, principal: Principal, handle: Handler): Promise<Result<unknown>> {
    const { answers, sealingKey, wallClock } = this.options;
    const write = writeOf(operation, call, principal, wallClock.nowMs());
    const context = `rest-answer:${write.account}:${write.key}`;
    const known = await answers.begin(write, write.beganMs - TRY_MS_MAX);
    switch (known.state) {
      case 'other':
        return rejected('key_reused');
      case 'under_way':
        return rejected('in_progress');
      case 'done':
        return JSON.parse(openText(sealingKey, known.answer, context)) as Result<unknown>;
      case 'begun':
    }
    let result: Result<unknown>;
    try {
      result = await handle(call);
    } catch (error) {
      await answers.drop(write);
      throw error;
    }
    if (!result.ok && REJECTIONS[result.code].retryable) await answers.drop(write);
    else await answers.keep(write, sealText(sealingKey, JSON.stringify(result), context));
    return result;
  }
}

function writeOf(
  operation: string,
  { key, params, body }: Call,
  principal: Principal,
  beganMs: number,
): KeyedWrite {
  const asked = JSON.stringify([operation, sorted(params), sorted(body)]);
  const fingerprint = createHash('sha256').update(asked).digest();
  return { account: `${principal.role}:${accountOf(principal)}`, key, operation, fingerprint, beganMs };
}

/** Members in the order of their names: a client that writes them in another order asks for the same. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
