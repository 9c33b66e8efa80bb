import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBeatsHub } from '../../src/bus/beats-memory.ts';
import type { BeatInfo, Beaten } from '../../src/bus/beats.ts';
import { RollCall } from '../../src/cluster/roll-call.ts';
import { CLUSTER_TIMING } from '../../src/cluster/timing.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';

const { beatMs, leaseMs, standDownMs, checkMs } = CLUSTER_TIMING;
const [A, B, C] = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'] as [ReplicaId, ReplicaId, ReplicaId];
const INFO: BeatInfo = { url: null, newsSeq: 0, openRequests: 0, canStore: true };

const beaten = (replicaId: ReplicaId, ageMs: number): Beaten => ({ replicaId, ageMs, info: INFO });
const rollOf = (...members: Beaten[]) => ({ epoch: 1, members });

/** A, who has been answered at 0 by a roll with B, `ageMs` old. */
function met(ageMs = 0): RollCall {
  const call = new RollCall(A, CLUSTER_TIMING);
  call.answered(rollOf(beaten(A, 0), beaten(B, ageMs)), 0, 10);
  return call;
}

describe('the own lease', () => {
  it('R7: counts from the beginning of the answered beat, not from its answer', () => {
    const call = new RollCall(A, CLUSTER_TIMING);
    expect(call.mayMatch(0)).toBe(false);
    call.answered(rollOf(beaten(A, 0)), 1_000, 1_900);
    expect(call.mayMatch(1_000 + standDownMs - 1)).toBe(true);
    expect(call.mayMatch(1_000 + standDownMs)).toBe(false);
  });

  it('is not renewed by an answer that took as long as the lease', () => {
    const call = met();
    expect(call.answered(rollOf(beaten(A, 0)), 1_000, 1_000 + standDownMs)).toBeNull();
    expect(call.members).toEqual([A, B]);
    expect(call.leaseAgeMs(4_000)).toBe(4_000);
  });

  it('is over with leaving', () => {
    const call = met();
    call.leave();
    expect(call.mayMatch(20)).toBe(false);
    expect(call.members).toEqual([B]);
    expect(call.others).toEqual([B]);
  });
});

describe('a peer', () => {
  it('R11: is asked about when its lease runs out, counted from the beginning of the beat that told its age', () => {
    const call = met(leaseMs - 1_000);
    expect(call.mustAsk(999)).toBe(false);
    expect(call.mustAsk(1_000)).toBe(true);
    expect(call.members).toEqual([A, B]);
    expect(call.answered(rollOf(beaten(A, 0)), 1_001, 1_003)!.gone).toEqual([B]);
    expect(call.mustAsk(1_010)).toBe(false);
  });

  it('R7: is not struck off while it is on the roll, however slow the answer', () => {
    const call = met(1_500);
    expect(call.answered(rollOf(beaten(A, 0), beaten(B, leaseMs - 1)), 1_000, 1_900)!.gone).toEqual([]);
    expect(call.mustAsk(1_900)).toBe(true);
    call.answered(rollOf(beaten(A, 0), beaten(B, 100)), 1_901, 1_903);
    expect(call.mustAsk(1_903)).toBe(false);
  });

  it('R12: missing on the roll within its lease is kept, and after it is gone', () => {
    const call = met();
    expect(call.answered(rollOf(beaten(A, 0)), 1_000, 1_010)!.gone).toEqual([]);
    expect(call.answered(rollOf(beaten(A, 0)), 2_000, 2_010)!.gone).toEqual([]);
    expect(call.members).toEqual([A, B]);
    expect(call.answered(rollOf(beaten(A, 0)), 3_000, 3_010)!.gone).toEqual([]);
    expect(call.answered(rollOf(beaten(A, 0)), 3_250, 3_251)!.gone).toEqual([B]);
  });

  it('R12: that would be out before its next beat can be on an emptied roll has two beats to come back, once', () => {
    const call = met(1_000);
    call.answered(rollOf(beaten(A, 0)), 1_000, 1_010);
    expect(call.mustAsk(2_050)).toBe(false);
    expect(call.answered(rollOf(beaten(A, 0)), 2_000, 3_249)!.gone).toEqual([]);
    expect(call.answered(rollOf(beaten(A, 0)), 3_248, 3_250)!.gone).toEqual([B]);
  });

  it('R12: is not struck off while this replica hears nothing, and may come back in when the store answers again', () => {
    const call = met();
    for (const beganMs of [1_000, 2_000, 3_000, 4_000]) call.refused(beganMs, beganMs + 5);
    expect(call.mustAsk(5_000)).toBe(false);
    expect(call.answered(rollOf(beaten(A, 0)), 5_000, 5_010)!.gone).toEqual([]);
    const untilMs = 5_000 + 2.25 * beatMs;
    expect(call.answered(rollOf(beaten(A, 0)), 6_000, untilMs - 1)!.gone).toEqual([]);
    expect(call.answered(rollOf(beaten(A, 0)), untilMs, untilMs)!.gone).toEqual([B]);
  });

  it('R11: that died while this process was asleep is gone with the first answer: a beat given up late was not refused', () => {
    const call = met();
    call.refused(1_000, 9_000);
    expect(call.answered(rollOf(beaten(A, 0), beaten(C, 500)), 9_000, 9_010)).toEqual({
      ...{ joined: [C], leaving: [], gone: [B], isReshared: true },
    });
  });

  it('that leaves owns nothing at once, is passed over on later rolls, and is gone when it falls silent', () => {
    const call = met();
    expect(call.heardLeaving(B, 100)).toEqual({
      ...{ joined: [], leaving: [B], gone: [], isReshared: true },
    });
    expect([call.members, call.others]).toEqual([[A], [B]]);
    // Its beat was under way.
    expect(call.answered(rollOf(beaten(A, 0), beaten(B, 10)), 1_000, 1_010)!.joined).toEqual([]);
    expect(call.heardLeaving(B, 1_100)).toEqual({
      ...{ joined: [], leaving: [], gone: [], isReshared: false },
    });
    const silentMs = 1_100 + leaseMs;
    expect(call.answered(rollOf(beaten(A, 0)), 3_000, silentMs - 1)!.gone).toEqual([]);
    expect(call.mustAsk(silentMs)).toBe(true);
    expect(call.answered(rollOf(beaten(A, 0)), silentMs, silentMs)!.gone).toEqual([B]);
    expect(call.others).toEqual([]);
  });

  it('that closes is gone at once, and once', () => {
    const call = met();
    expect(call.heardGone(B, 100)).toEqual({
      ...{ joined: [], leaving: [], gone: [B], isReshared: true },
    });
    expect(call.heardGone(B, 110).gone).toEqual([]);
    expect(call.heardGone(C, 110).gone).toEqual([]);
    expect(call.answered(rollOf(beaten(A, 0)), leaseMs * 2, leaseMs * 2)!.gone).toEqual([]);
  });
});

interface Sleeper {
  readonly call: RollCall;
  readonly id: ReplicaId;
  /** Does nothing from the first to the second time. */
  readonly sleeps: readonly [number, number];
  /** Arrival of its last beat at the store. */
  beatMs: number;
  isBeating: boolean;
  /** Since when it may match without a break, if it may. */
  backMs: number;
}

interface Course {
  readonly seed: number;
  /** Of a message to the store or from it. */
  readonly wayMsMax: number;
  readonly sleepMsMax: number;
  /** Whether the store is emptied, once, at some time. */
  readonly isEmptied: boolean;
}

/** Replicas that beat over slow lines, each once stopped for a while; `struck` hears of everybody struck off. */
function course(
  { seed, wayMsMax, sleepMsMax, isEmptied }: Course,
  struck: (by: Sleeper, who: Sleeper, nowMs: number) => void,
): void {
  const prng = createPrng(seed);
  const clock = new VirtualClock(100_000);
  const store = new MemoryBeatsHub(clock, leaseMs);
  const all = [A, B, C].map((id): Sleeper => {
    const fromMs = 100_000 + prng.int(10_000);
    const sleeps = [fromMs, fromMs + prng.int(sleepMsMax)] as const;
    return {
      id,
      call: new RollCall(id, CLUSTER_TIMING),
      sleeps,
      beatMs: -Infinity,
      isBeating: false,
      backMs: 0,
    };
  });
  const isAwake = ({ sleeps }: Sleeper): boolean => clock.nowMs() < sleeps[0] || clock.nowMs() >= sleeps[1];
  const whenAwake = (one: Sleeper, act: () => void): void =>
    isAwake(one) ? act() : void clock.after(one.sleeps[1] - clock.nowMs(), act);
  const tell = (by: Sleeper, gone: readonly ReplicaId[]): void => {
    for (const id of gone)
      struck(
        by,
        all.find((one) => one.id === id)!,
        clock.nowMs(),
      );
  };
  const beat = (one: Sleeper): void => {
    if (one.isBeating) return;
    one.isBeating = true;
    const beganMs = clock.nowMs();
    clock.after(prng.int(wayMsMax + 1), () => {
      one.beatMs = clock.nowMs();
      const roll = store.beat(one.id, INFO, 0);
      clock.after(prng.int(wayMsMax + 1), () =>
        whenAwake(one, () => {
          one.isBeating = false;
          if (!one.call.mayMatch(clock.nowMs())) one.backMs = clock.nowMs();
          tell(one, one.call.answered(roll, beganMs, clock.nowMs())?.gone ?? []);
        }),
      );
    });
  };
  for (const one of all) {
    clock.every(beatMs, () => void (isAwake(one) && beat(one)));
    clock.every(checkMs, () => void (isAwake(one) && one.call.mustAsk(clock.nowMs()) && beat(one)));
  }
  if (isEmptied) clock.after(3_000 + prng.int(10_000), () => store.empty());
  while (clock.fireNext(120_000));
}

describe('over lines up to 500 ms slow each way', () => {
  const ways = fc.constantFrom(5, 100, leaseMs - standDownMs);

  it('R7: of replicas that sleep now and then nobody is struck off who may still match', () => {
    let count = 0;
    fc.assert(
      fc.property(fc.integer(), ways, (seed, wayMsMax) => {
        course({ seed, wayMsMax, sleepMsMax: 8_000, isEmptied: false }, (by, who, nowMs) => {
          count++;
          // Who was away and has just come back may match before the others have seen it on the roll.
          const isSteady = nowMs - who.backMs > 2 * beatMs;
          if (who.call.mayMatch(nowMs) && isSteady)
            expect.fail(`${by.id} struck off ${who.id}, who may match`);
        });
      }),
      { numRuns: 300 },
    );
    // The course does strike some off, or nothing was shown.
    expect(count).toBeGreaterThan(100);
  });

  it('R12: with an emptied store nobody is struck off at all while all are awake', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(0, 5, 100), (seed, wayMsMax) => {
        course({ seed, wayMsMax, sleepMsMax: 1, isEmptied: true }, (by, who) => {
          expect.fail(`${by.id} struck off ${who.id}`);
        });
      }),
      { numRuns: 200 },
    );
  });

  it('R11: whoever is silent is struck off a lease after its last beat, by those awake', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(5, 100), (seed, wayMsMax) => {
        course({ seed, wayMsMax, sleepMsMax: 8_000, isEmptied: false }, (by, who, nowMs) => {
          const sleptLately = nowMs - by.sleeps[1] < 2 * beatMs && nowMs >= by.sleeps[0];
          if (!sleptLately)
            expect(nowMs - who.beatMs).toBeLessThanOrEqual(leaseMs + 2 * checkMs + 4 * wayMsMax);
        });
      }),
      { numRuns: 200 },
    );
  });
});
