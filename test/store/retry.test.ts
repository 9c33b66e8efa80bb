import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { failureKind, withRetries } from '../../src/store/retry.ts';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A clock on which every wait is over at once; `waitsMs` tells what was waited for. */
function eager(): { clock: Clock; waitsMs: number[] } {
  const waitsMs: number[] = [];
  const timer = { cancel: () => undefined };
  const clock: Clock = {
    nowMs: () => 0,
    after: (delayMs, fire) => {
      waitsMs.push(delayMs);
      queueMicrotask(fire);
      return timer;
    },
    every: () => timer,
  };
  return { clock, waitsMs };
}

function run(codes: string[], idempotent: boolean) {
  const { clock, waitsMs } = eager();
  const policy = { clock, prng: createPrng(7), attemptsMax: 4, delayMs: 10, delayMsMax: 15 };
  const left = [...codes];
  const outcome = withRetries(policy, idempotent, async () => {
    const code = left.shift();
    if (code !== undefined) throw failure(code);
    return 'done';
  });
  return { outcome, waitsMs, left };
}

describe('withRetries', () => {
  it('tries again what was rolled back', async () => {
    const { outcome, waitsMs } = run(['40P01', '40001', 'ECONNREFUSED'], false);
    expect(await outcome).toBe('done');
    expect(waitsMs).toHaveLength(3);
    expect(waitsMs.every((waitMs, at) => waitMs >= 0 && waitMs <= [10, 15, 15][at]!)).toBe(true);
  });

  it('tries an ambiguous failure again only where that does no harm', async () => {
    expect(await run(['CONNECTION_CLOSED', '57P01'], true).outcome).toBe('done');
    const { outcome, left } = run(['CONNECTION_CLOSED', '40001'], false);
    await expect(outcome).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(left).toEqual(['40001']);
  });

  it('gives up after attemptsMax, with the last error', async () => {
    const { outcome, waitsMs } = run(['40001', '40001', '40001', '40P01', '40001'], true);
    await expect(outcome).rejects.toMatchObject({ code: '40P01' });
    expect(waitsMs).toHaveLength(3);
  });

  it('passes on at once what no repetition helps', async () => {
    for (const code of ['23505', '22P02', '42601', 'CONNECTION_ENDED']) {
      const { outcome, waitsMs } = run([code], true);
      await expect(outcome).rejects.toMatchObject({ code });
      expect(waitsMs).toEqual([]);
    }
    expect(failureKind('not an error')).toBe('final');
    expect(failureKind(new Error('no code'))).toBe('final');
  });
});
