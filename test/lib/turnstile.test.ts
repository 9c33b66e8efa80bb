import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withDeadline } from '../../src/lib/deadline.ts';
import { idleLoop } from '../../src/lib/clock.ts';
import { Turnstile } from '../../src/lib/turnstile.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';

async function runAll(clock: VirtualClock): Promise<void> {
  do await idleLoop();
  while (clock.fireNext(Infinity));
}

describe('a turnstile', () => {
  it('R10: never has more running or waiting than its maxima; whoever is let in runs once, in order of arrival', async () => {
    const visit = fc.record({ atMs: fc.nat(200), forMs: fc.nat(100), fails: fc.boolean() });
    const limits = fc.record({
      runningMax: fc.integer({ min: 1, max: 4 }),
      waitingMax: fc.nat(4),
      waitMsMax: fc.integer({ min: 1, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(visit, { maxLength: 40 }), limits, async (visits, maxima) => {
        const clock = new VirtualClock(0);
        const turnstile = new Turnstile({ clock, ...maxima });
        const began: { arrivedMs: number; atMs: number }[] = [];
        const outcomes: string[] = [];
        let running = 0;
        const come = async ({ forMs, fails }: { forMs: number; fails: boolean }): Promise<void> => {
          const arrivedMs = clock.nowMs();
          const hadRoom = turnstile.hasRoom;
          const outcome = turnstile.run(async () => {
            began.push({ arrivedMs, atMs: clock.nowMs() });
            running += 1;
            expect(running).toBeLessThanOrEqual(maxima.runningMax);
            await new Promise<void>((resolve) => clock.after(forMs, resolve));
            running -= 1;
            if (fails) throw new Error('failed');
            return {};
          });
          expect(turnstile.waiting).toBeLessThanOrEqual(maxima.waitingMax);
          const settled = await outcome.then(
            (value) => (value === null ? 'turned away' : 'done'),
            () => 'failed',
          );
          if (!hadRoom) expect(settled).toBe('turned away');
          outcomes.push(settled);
        };
        for (const one of visits) clock.after(one.atMs, () => void come(one));
        await runAll(clock);
        expect(outcomes).toHaveLength(visits.length);
        expect(began).toHaveLength(outcomes.filter((outcome) => outcome !== 'turned away').length);
        expect(began.map(({ arrivedMs }) => arrivedMs)).toEqual(
          began.map(({ arrivedMs }) => arrivedMs).sort((a, b) => a - b),
        );
        for (const { arrivedMs, atMs } of began)
          expect(atMs - arrivedMs).toBeLessThanOrEqual(maxima.waitMsMax);
        expect([turnstile.running, turnstile.waiting, turnstile.hasRoom]).toEqual([0, 0, true]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a deadline', () => {
  it('gives what the work gives when that is in time, something else when it is not, and holds no timer', async () => {
    const clock = new VirtualClock(0);
    const later = <T>(ms: number, value: T): Promise<T> =>
      new Promise((resolve) => clock.after(ms, () => resolve(value)));
    const fast = withDeadline(clock, 100, later(99, 'work'), () => 'instead');
    const slow = withDeadline(clock, 100, later(101, 'work'), () => 'instead');
    const broken = withDeadline(clock, 100, Promise.reject(new Error('broken')), () => 'instead');
    await expect(broken).rejects.toThrow('broken');
    await runAll(clock);
    expect([await fast, await slow]).toEqual(['work', 'instead']);
  });
});
