import { expect, it } from 'vitest';
import { createPrng } from '../../../src/lib/prng.ts';
import { idleLoop } from '../../../src/lib/clock.ts';
import { failureKind } from '../../../src/store/retry.ts';
import { Faults, type FaultPlan } from '../../../src/sim/virtual/faults.ts';
import { UnreliableCalls } from '../../../src/sim/virtual/unreliable-call.ts';
import { ProcessClock, VirtualClock } from '../../../src/sim/virtual/virtual-clock.ts';

const HEALTHY: FaultPlan = {
  storeMs: 10,
  storeRefuses: 0,
  storeLosesAnswer: 0,
  storeIsLate: 0,
  storeOutageEveryMs: Infinity,
  storeOutageMs: 1,
  frameMs: 1,
  breakEveryMs: Infinity,
  pingsAgain: 0,
};

async function callThrough(plan: Partial<FaultPlan>) {
  const clock = new VirtualClock(0);
  const faults = new Faults({ ...HEALTHY, ...plan }, clock, createPrng(1));
  const calls = new UnreliableCalls(faults, { store: clock, caller: new ProcessClock(clock) });
  let done = 0;
  const outcome = calls
    .call(async () => ++done)
    .then(
      (value) => `value ${value}`,
      (error: unknown) => failureKind(error),
    );
  while (clock.fireNext(60_000)) await idleLoop();
  return { done, outcome: await outcome };
}

it.each([
  ['answers late', {}, { done: 1, outcome: 'value 1' }],
  ['fails without a trace', { storeRefuses: 1 }, { done: 0, outcome: 'rolled_back' }],
  ['is done, and the answer is lost', { storeLosesAnswer: 1 }, { done: 1, outcome: 'ambiguous' }],
  ['fails and is done later', { storeIsLate: 1 }, { done: 1, outcome: 'ambiguous' }],
])('a call %s, with the codes that retries go by', async (_, plan, expected) => {
  expect(await callThrough(plan)).toEqual(expected);
});

it('a call once sent is carried out though its caller dies, who never hears of it', async () => {
  const clock = new VirtualClock(0);
  const caller = new ProcessClock(clock);
  const calls = new UnreliableCalls(new Faults(HEALTHY, clock, createPrng(1)), { store: clock, caller });
  let done = false;
  let heard = false;
  void calls
    .call(async () => {
      done = true;
    })
    .then(() => {
      heard = true;
    });
  caller.kill();
  while (clock.fireNext(60_000)) await idleLoop();
  expect([done, heard]).toEqual([true, false]);
});
