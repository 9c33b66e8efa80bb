import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/lib/clock.ts';
import { HeapClock } from '../../../src/sim/demo/heap-clock.ts';

function byHand() {
  let nowMs = 0;
  const base: Clock = {
    nowMs: () => nowMs,
    after: () => ({ cancel: () => undefined }),
    every: () => ({ cancel: () => undefined }),
  };
  const late: number[] = [];
  const clock = new HeapClock(base, 5, (lateMs) => late.push(lateMs));
  const goTo = (ms: number): void => {
    nowMs = ms;
    clock.run();
  };
  return { clock, goTo, late };
}

describe('HeapClock', () => {
  it('fires every timer once, in the order of times and of setting, and none that was cancelled', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ delayMs: fc.nat(100), isCancelled: fc.boolean() })), (wanted) => {
        const { clock, goTo } = byHand();
        const fired: number[] = [];
        const timers = wanted.map(({ delayMs }, at) => clock.after(delayMs, () => fired.push(at)));
        wanted.forEach(({ isCancelled }, at) => isCancelled && timers[at]!.cancel());
        for (let ms = 0; ms <= 100; ms += 7) goTo(ms);
        goTo(101);
        const expected = wanted.map((one, at) => ({ ...one, at })).filter((one) => !one.isCancelled);
        expected.sort((a, b) => a.delayMs - b.delayMs || a.at - b.at);
        expect(fired).toEqual(expected.map(({ at }) => at));
        expect(clock.pendingCount).toBe(0);
      }),
    );
  });

  it('lets a timer of no delay wait for the next step', () => {
    const { clock, goTo } = byHand();
    let fired = 0;
    const again = (): void => {
      fired += 1;
      clock.after(0, again);
    };
    clock.after(0, again);
    goTo(5);
    goTo(10);
    expect(fired).toBe(2);
  });

  it('forgets cancelled timers without waiting for their time', () => {
    const { clock, goTo } = byHand();
    const fired: string[] = [];
    clock.after(5_000, () => fired.push('kept'));
    for (let i = 0; i < 10_000; i++) clock.after(1_000_000 + i, () => fired.push('cancelled')).cancel();
    expect(clock.pendingCount).toBe(1);
    goTo(3_000_000);
    expect(fired).toEqual(['kept']);
    expect(clock.pendingCount).toBe(0);
  });

  it('repeats until told to stop, and says how late it is', () => {
    const { clock, goTo, late } = byHand();
    let fired = 0;
    const timer = clock.every(10, () => (fired += 1));
    goTo(12);
    goTo(23);
    timer.cancel();
    goTo(100);
    expect(fired).toBe(2);
    expect(late).toEqual([2, 1]);
  });
});
