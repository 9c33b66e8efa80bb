import { describe, expect, it } from 'vitest';
import { ACCESS_TOKEN_TTL_MS, Revocations } from '../../src/accounts/revocations.ts';
import { MemoryBusHub } from '../../src/bus/bus-memory.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';

/** Two replicas, and a store both read. */
async function setUp() {
  const clock = new VirtualClock(1_000_000_000_000);
  const hub = new MemoryBusHub();
  const stored: { id: string; atMs: number }[] = [];
  let isStoreDown = false;
  const warnings: string[] = [];
  const replica = async (name: string) => {
    const bus = hub.connect(name, clock);
    const ended: string[] = [];
    const revocations = new Revocations({
      ...{ bus, wallClock: clock, log: { warn: (_fields, message) => void warnings.push(message) } },
      load: async (sinceMs) => {
        if (isStoreDown) throw new Error('down');
        return stored.filter(({ atMs }) => atMs >= sinceMs).map(({ id }) => id);
      },
      onEnded: (sessionIds) => ended.push(...sessionIds),
    });
    await revocations.start();
    return { bus, ended, revocations };
  };
  const settle = async (forMs = 100): Promise<void> => {
    const untilMs = clock.nowMs() + forMs;
    while (clock.fireNext(untilMs)) await Promise.resolve();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  const end = (by: Revocations, id: string): void => {
    stored.push({ id, atMs: clock.nowMs() });
    by.end([id]);
  };
  const setStoreDown = (isDown: boolean): void => void (isStoreDown = isDown);
  return { replica, settle, end, stored, setStoreDown, warnings };
}

describe('ended sessions', () => {
  it('are known here at once and on every replica, each told once', async () => {
    const { replica, settle, end } = await setUp();
    const [a, b] = [await replica('a'), await replica('b')];
    end(a.revocations, 's-1');
    expect(a.revocations.has('s-1')).toBe(true);
    await settle();
    expect(b.revocations.has('s-1')).toBe(true);
    expect([a.ended, b.ended]).toEqual([['s-1'], ['s-1']]);
    end(b.revocations, 's-1');
    await settle();
    expect([a.ended, b.ended]).toEqual([['s-1'], ['s-1']]);
    expect(a.revocations.has('s-2')).toBe(false);
  });

  it('R6 of which the word was lost are read from the store, as soon as it answers', async () => {
    const { replica, settle, end, setStoreDown, warnings } = await setUp();
    const [a, b] = [await replica('a'), await replica('b')];
    b.bus.setReachable(false);
    end(a.revocations, 's-1');
    await settle();
    expect(b.revocations.has('s-1')).toBe(false);
    setStoreDown(true);
    b.bus.setReachable(true);
    await settle();
    expect(warnings).toHaveLength(1);
    setStoreDown(false);
    await settle(2_000);
    expect(b.ended).toEqual(['s-1']);
  });

  it('R11 are known to a replica that starts, and forgotten when no token of theirs can be good', async () => {
    const { replica, settle, end } = await setUp();
    const a = await replica('a');
    end(a.revocations, 's-1');
    const b = await replica('b');
    expect(b.revocations.has('s-1')).toBe(true);
    await settle(ACCESS_TOKEN_TTL_MS + 120_000);
    end(a.revocations, 's-2');
    await settle();
    for (const { revocations } of [a, b])
      expect([revocations.has('s-1'), revocations.has('s-2')]).toEqual([false, true]);
  });

  it('are not made of rubbish on the bus', async () => {
    const { replica, settle, warnings } = await setUp();
    const [a, b] = [await replica('a'), await replica('b')];
    for (const text of ['', '{', '{"ended":[7]}', `{"ended":["${'x'.repeat(65)}"]}`])
      a.bus.publish('sessions', Buffer.from(text));
    await settle();
    // Both hear it, the sender as well.
    expect([b.ended, warnings.length]).toEqual([[], 8]);
  });
});
