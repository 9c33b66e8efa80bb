import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MemoryBeatsHub } from '../../src/bus/beats-memory.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { idOf, testBeats } from './beats-suite.ts';

const LEASE_MS = 200;
const IDLE = { url: null, newsSeq: 0, openRequests: 0, canStore: true };

testBeats('memory', async () => {
  const clock = createWallClock();
  const hub = new MemoryBeatsHub(clock, LEASE_MS);
  return {
    connect: (replicaId) => hub.connect(replicaId),
    empty: async () => hub.empty(),
    async lease(meanwhile) {
      const endMs = clock.nowMs() + LEASE_MS;
      await expect.poll(() => clock.nowMs()).toBeGreaterThan(endMs);
      await meanwhile();
    },
  };
});

describe('beats in memory', () => {
  it('reject while out of reach, and come back', async () => {
    const clock = new VirtualClock(0);
    const hub = new MemoryBeatsHub(clock, LEASE_MS);
    const [a, b] = [hub.connect(idOf('a')), hub.connect(idOf('b'))];
    await a.beat(IDLE, 0);
    a.setReachable(false);
    await expect(a.beat(IDLE, 1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(a.leave()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    clock.fireNext(LEASE_MS + 1);
    expect((await b.beat(IDLE, 0)).members).toHaveLength(1);
    a.setReachable(true);
    expect((await a.beat(IDLE, 1)).members).toHaveLength(2);
  });

  const step = fc.oneof(
    fc.record({ kind: fc.constant('beat' as const), who: fc.nat(3) }),
    fc.record({ kind: fc.constant('leave' as const), who: fc.nat(3) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(2 * LEASE_MS) }),
    fc.record({ kind: fc.constant('empty' as const) }),
  );

  it('R7 R12 have on the roll who beat last within the lease, under an epoch for each change', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = new VirtualClock(0);
        const hub = new MemoryBeatsHub(clock, LEASE_MS);
        const replicas = [0, 1, 2, 3].map((i) => ({ beats: hub.connect(idOf(`${i}`)), epoch: 0 }));
        const lastMs = new Map<number, number>();
        /** The last roll answered since the store was emptied. */
        let last: { epoch: number; ids: number[] } | null = null;
        for (const it of steps) {
          if (it.kind === 'wait') clock.fireNext(clock.nowMs() + it.ms);
          else if (it.kind === 'empty') {
            hub.empty();
            lastMs.clear();
            last = null;
          } else if (it.kind === 'leave') {
            await replicas[it.who]!.beats.leave();
            lastMs.delete(it.who);
          } else {
            const one = replicas[it.who]!;
            const nowMs = clock.nowMs();
            lastMs.set(it.who, nowMs);
            const roll = await one.beats.beat({ ...IDLE, newsSeq: nowMs }, one.epoch);
            const alive = [0, 1, 2, 3].filter((i) => nowMs - (lastMs.get(i) ?? -Infinity) <= LEASE_MS);
            expect(roll.members).toEqual(
              alive.map((i) => ({
                replicaId: idOf(`${i}`),
                ageMs: nowMs - lastMs.get(i)!,
                info: { ...IDLE, newsSeq: lastMs.get(i)! },
              })),
            );
            const floor: number = Math.max(last?.epoch ?? 0, one.epoch);
            const isSame = last !== null && last.ids.join() === alive.join();
            expect(roll.epoch).toBe(isSame ? floor : floor + 1);
            one.epoch = roll.epoch;
            last = { epoch: roll.epoch, ids: alive };
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
