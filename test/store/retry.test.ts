import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { failureKind, RetryBudget, withRetries } from '../../src/store/retry.ts';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A clock on which every wait is over at once; `waitsMs` tells what was waited for. */
function eager(): { clock: Clock; waitsMs: number[] } {
  const waitsMs: number[] = [];
  let nowMs = 0;
  const timer = { cancel: () => undefined };
  const clock: Clock = {
    nowMs: () => nowMs,
    after: (delayMs, fire) => {
      waitsMs.push(delayMs);
      nowMs += delayMs;
      queueMicrotask(fire);
      return timer;
    },
    every: () => timer,
  };
  return { clock, waitsMs };
}

function run(codes: string[], idempotent: boolean, budget = new RetryBudget()) {
  const { clock, waitsMs } = eager();
  const policy = {
    clock,
    prng: createPrng(7),
    budget,
    attemptsMax: 4,
    delayMs: 10,
    delayMsMax: 15,
    tryingMsMax: 1_000,
  };
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

  it('decides on no other try after tryingMsMax, however many are left', async () => {
    const { clock } = eager();
    const limits = { attemptsMax: 1_000, delayMs: 20, delayMsMax: 20, tryingMsMax: 300 };
    const policy = { clock, prng: createPrng(7), budget: new RetryBudget({ savedMax: 1_000 }), ...limits };
    const startsMs: number[] = [];
    const outcome = withRetries(policy, true, async () => {
      startsMs.push(clock.nowMs());
      throw failure('40001');
    });
    await expect(outcome).rejects.toMatchObject({ code: '40001' });
    expect(startsMs.length).toBeGreaterThan(15);
    expect(startsMs.at(-2)).toBeLessThan(300);
    expect(startsMs.at(-1)).toBeLessThan(320);
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

describe('the budget', () => {
  it('R10: retries are never more than it had saved and a tenth of the first tries; then errors go up at once', async () => {
    const work = fc.array(fc.nat(3), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(work, fc.nat(5), async (failures, savedMax) => {
        const budget = new RetryBudget({ savedMax, perTry: 0.1 });
        let statements = 0;
        for (const failing of failures) {
          const { outcome, left } = run(Array<string>(failing).fill('40001'), true, budget);
          const isDone = await outcome.then(
            () => true,
            () => false,
          );
          statements += failing - left.length + (isDone ? 1 : 0);
          expect(budget.counts.retries).toBeLessThanOrEqual(savedMax + budget.counts.tries / 10);
        }
        expect(budget.counts.tries).toBe(failures.length);
        expect(statements).toBe(budget.counts.tries + budget.counts.retries);
      }),
    );
  });

  it('that is used up comes back with work that succeeds', async () => {
    const budget = new RetryBudget({ savedMax: 1, perTry: 0.25 });
    expect(await run(['40001'], true, budget).outcome).toBe('done');
    await expect(run(['40001'], true, budget).outcome).rejects.toMatchObject({ code: '40001' });
    expect(budget.counts).toEqual({ tries: 2, retries: 1, denied: 1 });
    for (let i = 0; i < 4; i++) await run([], true, budget).outcome;
    expect(await run(['40001'], true, budget).outcome).toBe('done');
  });

  it('is not spent on what may not be repeated, or not any more', async () => {
    const budget = new RetryBudget({ savedMax: 5, perTry: 0 });
    await expect(run(['23505'], true, budget).outcome).rejects.toThrow();
    await expect(run(['ECONNRESET'], false, budget).outcome).rejects.toThrow();
    expect(budget.counts).toEqual({ tries: 2, retries: 0, denied: 0 });
  });
});
