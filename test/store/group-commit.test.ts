import { describe, expect, it } from 'vitest';
import { idleLoop } from '../../src/lib/clock.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { GroupCommit, NeverSentError, OverloadedError } from '../../src/store/group-commit.ts';

/** A store whose batches are committed by hand. */
function byHand(limits: Partial<{ batchMax: number; lanesMax: number; queuedMax: number }> = {}) {
  const batches: { commands: readonly number[]; commit: () => void }[] = [];
  const clock = new VirtualClock(0);
  const group = new GroupCommit<number, string>({
    run: (commands) =>
      new Promise((resolve) => {
        const settle = (n: number): PromiseSettledResult<string> =>
          n < 0
            ? { status: 'rejected', reason: new Error(`no ${n}`) }
            : { status: 'fulfilled', value: `done ${n}` };
        batches.push({ commands, commit: () => resolve(commands.map(settle)) });
      }),
    batchMax: 4,
    lanesMax: 2,
    queuedMax: 100,
    waitMsMax: 1_000,
    clock,
    ...limits,
  });
  return { group, batches, clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const upTo = (n: number): number[] => Array.from({ length: n }, (_, at) => at + 1);

describe('GroupCommit', () => {
  it('takes what arrives in one turn as one batch, up to batchMax, one batch a lane', async () => {
    const { group, batches } = byHand();
    const answers = upTo(10).map((n) => group.submit(n));
    await turn();
    expect(batches.map((batch) => batch.commands)).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    expect(group.queued).toBe(2);
    batches[1]?.commit();
    expect(await answers[4]).toBe('done 5');
    await turn();
    expect(batches[2]?.commands).toEqual([9, 10]);
    batches[0]?.commit();
    batches[2]?.commit();
    expect(await Promise.all(answers)).toEqual(upTo(10).map((n) => `done ${n}`));
  });

  it('shares a long queue out among the free lanes', async () => {
    const { group, batches } = byHand({ batchMax: 100 });
    const answers = upTo(50).map((n) => group.submit(n));
    await turn();
    expect(batches.map((batch) => batch.commands.length)).toEqual([25, 25]);
    for (const batch of batches) batch.commit();
    await Promise.all(answers);
  });

  it('collects while all lanes are busy', async () => {
    const { group, batches } = byHand({ lanesMax: 1 });
    const first = group.submit(1);
    await turn();
    const later = [2, 3, 4].map((n) => group.submit(n));
    await turn();
    expect(batches).toHaveLength(1);
    batches[0]?.commit();
    await first;
    await turn();
    expect(batches[1]?.commands).toEqual([2, 3, 4]);
    batches[1]?.commit();
    await Promise.all(later);
  });

  it('rejects the commands that failed, and only those', async () => {
    const { group, batches } = byHand();
    const settled = Promise.allSettled([1, -2, 3].map((n) => group.submit(n)));
    await turn();
    batches[0]?.commit();
    expect((await settled).map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('R10 refuses beyond queuedMax, and takes again when there is room', async () => {
    const { group, batches } = byHand({ lanesMax: 1, batchMax: 1, queuedMax: 2 });
    const running = group.submit(1);
    await turn();
    const waiting = [group.submit(2), group.submit(3)];
    await expect(group.submit(4)).rejects.toBeInstanceOf(OverloadedError);
    batches[0]?.commit();
    await running;
    await turn();
    const more = group.submit(5);
    for (const at of [1, 2, 3]) {
      batches[at]?.commit();
      await turn();
    }
    expect(await Promise.all([...waiting, more])).toEqual(['done 2', 'done 3', 'done 5']);
  });

  it('refuses in time what a store that hangs has not been sent, and never sends it later', async () => {
    const { group, batches, clock } = byHand({ lanesMax: 1, batchMax: 1 });
    const pass = async (ms: number): Promise<void> => {
      const untilMs = clock.nowMs() + ms;
      while (clock.fireNext(untilMs)) await idleLoop();
      await idleLoop();
    };
    const sent = group.submit(1);
    await turn();
    const outcomes: string[] = [];
    const follow = (answer: Promise<string>): void =>
      void answer.then(
        (value) => outcomes.push(value),
        (error: unknown) => outcomes.push(error instanceof NeverSentError ? error.code : String(error)),
      );
    follow(group.submit(2));
    await pass(600);
    follow(group.submit(3));
    expect(group.waitingMs).toBe(600);
    await pass(399);
    expect(outcomes).toEqual([]);
    await pass(1);
    expect(outcomes).toEqual(['never_sent']);
    expect(group.waitingMs).toBe(400);
    batches[0]?.commit();
    expect(await sent).toBe('done 1');
    await turn();
    batches[1]?.commit();
    await pass(5_000);
    expect(outcomes).toEqual(['never_sent', 'done 3']);
    expect(batches.map(({ commands }) => commands)).toEqual([[1], [3]]);
    expect([group.queued, group.waitingMs, group.neverSent]).toEqual([0, 0, 1]);
  });
});
