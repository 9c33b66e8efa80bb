import { expect, it } from 'vitest';
import { createPrng } from '../../../src/lib/prng.ts';
import { idleLoop } from '../../../src/lib/clock.ts';
import { failureKind } from '../../../src/store/retry.ts';
import { Faults, type FaultPlan } from '../../../src/sim/virtual/faults.ts';
import { StoreLink, UnreliableCalls } from '../../../src/sim/virtual/unreliable-call.ts';
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
  busMs: 1,
  busLoses: 0,
  busRepeats: 0,
  busIsLate: 0,
};

function lineTo(clock: VirtualClock, plan: Partial<FaultPlan> = {}) {
  const faults = new Faults({ ...HEALTHY, ...plan }, clock, createPrng(1));
  const caller = new ProcessClock(clock);
  const link = new StoreLink();
  const calls = new UnreliableCalls({ faults, storeClock: clock, caller, link, isOut: () => false });
  return { calls, caller, link };
}

async function callThrough(plan: Partial<FaultPlan>) {
  const clock = new VirtualClock(0);
  const { calls } = lineTo(clock, plan);
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
  const { calls, caller } = lineTo(clock);
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

it.each([
  ['refused', 'rolled_back', 0],
  ['hanging', 'ambiguous', 0],
] as const)('a call over a cut way (%s) fails as %s and is not done', async (how, expected, expectedDone) => {
  const clock = new VirtualClock(0);
  const { calls, link } = lineTo(clock);
  link.cut(how);
  let done = 0;
  const failed = calls.call(async () => ++done).then(() => 'done', failureKind);
  while (clock.fireNext(60_000)) await idleLoop();
  expect([await failed, done]).toEqual([expected, expectedDone]);
  link.mend();
  const again = calls.call(async () => ++done);
  while (clock.fireNext(120_000)) await idleLoop();
  expect(await again).toBe(1);
});

it('an answer on its way when the way is cut is lost, and a paused caller hears nothing until it goes on', async () => {
  const clock = new VirtualClock(0);
  const { calls, link, caller } = lineTo(clock, { storeMs: 1_000 });
  let done = 0;
  let outcome = 'none';
  void calls
    .call(async () => ++done)
    .then(() => 'done', failureKind)
    .then((kind) => (outcome = kind));
  while (done === 0) {
    clock.fireNext(60_000);
    await idleLoop();
  }
  link.cut('hanging');
  caller.pause();
  while (clock.fireNext(60_000)) await idleLoop();
  expect(outcome).toBe('none');
  caller.resume(true);
  while (clock.fireNext(120_000)) await idleLoop();
  expect([done, outcome]).toEqual([1, 'ambiguous']);
});
