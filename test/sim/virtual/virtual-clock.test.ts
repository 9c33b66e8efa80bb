import { expect, it } from 'vitest';
import fc from 'fast-check';
import { ProcessClock, VirtualClock } from '../../../src/sim/virtual/virtual-clock.ts';

it('fires in the order of time, ties in the order they were made', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (delaysMs) => {
      const clock = new VirtualClock(1_000);
      const fired: { delayMs: number; made: number }[] = [];
      delaysMs.forEach((delayMs, made) => {
        clock.after(delayMs, () => {
          expect(clock.nowMs()).toBe(1_000 + delayMs);
          fired.push({ delayMs, made });
        });
      });
      while (clock.fireNext(Infinity));
      const sorted = [...fired].sort((a, b) => a.delayMs - b.delayMs || a.made - b.made);
      expect(fired).toEqual(sorted);
      expect(fired).toHaveLength(delaysMs.length);
    }),
  );
});

it('never fires inside the call, never what was cancelled, and stands at the bound', () => {
  const clock = new VirtualClock(0);
  const fired: string[] = [];
  clock.after(0, () => fired.push('at once'));
  clock.after(5, () => fired.push('cancelled')).cancel();
  clock.after(11, () => fired.push('too late'));
  expect(fired).toEqual([]);
  expect([clock.fireNext(10), clock.fireNext(10), clock.nowMs()]).toEqual([true, false, 10]);
  expect(fired).toEqual(['at once']);
});

it('repeats until cancelled, also from inside', () => {
  const clock = new VirtualClock(0);
  const moments: number[] = [];
  const timer = clock.every(7, () => {
    moments.push(clock.nowMs());
    if (moments.length === 3) timer.cancel();
  });
  while (clock.fireNext(1_000));
  expect(moments).toEqual([7, 14, 21]);
});

it('rounds to whole milliseconds, which stored times are', () => {
  const clock = new VirtualClock(0.4);
  clock.after(1.6, () => undefined);
  clock.fireNext(10);
  expect(clock.nowMs()).toBe(2);
});

it('a process that is killed hears none of its timers any more', () => {
  const clock = new VirtualClock(0);
  const process = new ProcessClock(clock);
  const fired: string[] = [];
  process.after(1, () => fired.push('before'));
  process.after(3, () => fired.push('after'));
  process.every(1, () => fired.push('tick'));
  clock.after(2, () => process.kill());
  while (clock.fireNext(10));
  expect(fired).toEqual(['before', 'tick']);
});

it.each([
  [true, ['before', 'tick', 'once', 'frame', 'later', 'tick']],
  [false, ['before', 'frame', 'tick', 'once', 'later', 'tick']],
])(
  'a paused process does nothing; when it goes on what was due and what came in happens, an interval once (timers first: %s)',
  (timersFirst, expected) => {
    const clock = new VirtualClock(0);
    const process = new ProcessClock(clock);
    const fired: string[] = [];
    process.after(1, () => fired.push('before'));
    process.every(3, () => fired.push('tick'));
    process.after(4, () => fired.push('once'));
    process.after(5, () => fired.push('cancelled')).cancel();
    process.after(11, () => fired.push('later'));
    clock.after(2, () => process.pause());
    clock.after(6, () => process.arrive(() => fired.push('frame')));
    while (clock.fireNext(10));
    expect(fired).toEqual(['before']);
    process.resume(timersFirst);
    while (clock.fireNext(13));
    expect(fired).toEqual(expected);
  },
);

it('a process killed while paused stays dead', () => {
  const clock = new VirtualClock(0);
  const process = new ProcessClock(clock);
  const fired: string[] = [];
  process.pause();
  process.after(1, () => fired.push('timer'));
  process.arrive(() => fired.push('frame'));
  while (clock.fireNext(5));
  process.kill();
  process.resume(true);
  while (clock.fireNext(10));
  expect(fired).toEqual([]);
});

it('a skewed clock tells another time and waits as long as all', () => {
  const clock = new VirtualClock(1_000);
  const process = new ProcessClock(clock, -400);
  let firedAtMs = 0;
  process.after(50, () => (firedAtMs = process.nowMs()));
  while (clock.fireNext(2_000));
  expect([firedAtMs, process.nowMs()]).toEqual([650, 1_600]);
});
