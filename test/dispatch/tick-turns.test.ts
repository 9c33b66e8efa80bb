import { describe, expect, it } from 'vitest';
import { NO_DISPATCH_METER } from '../../src/dispatch/dispatch-meter.ts';
import { TickTurns } from '../../src/dispatch/tick-turns.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { Downtown, POLICY, START_MS } from './downtown.ts';

/** Ticks of a town whose every turn takes `turnMs` on the wall; all times are the test's own. */
function ticking(turnMs: number) {
  const town = new Downtown({}, 0);
  for (const n of [1, 2]) {
    town.driver(n, n * 100);
    town.request(n, n * 100);
  }
  const clock = new VirtualClock(START_MS);
  let workedMs = 0;
  let mayMatch = true;
  const began: number[] = [];
  const inputs: string[] = [];
  const ticks: { turns: number; durationMs: number; elapsedMs: number }[] = [];
  const turns = new TickTurns({
    state: town.state,
    input: (input) => {
      if (input.kind === 'tick') began.push(clock.nowMs() - START_MS);
      inputs.push(input.kind);
      town.learn(input);
      if (input.kind !== 'tick_dropped') workedMs += turnMs;
    },
    mayMatch: () => mayMatch,
    clock,
    stopwatchMs: () => clock.nowMs() + workedMs,
    meter: { ...NO_DISPATCH_METER, ticked: (outcome) => ticks.push(outcome) },
    pauseMs: 2,
  });
  turns.start();
  const run = (untilMs: number): void => {
    while (clock.fireNext(START_MS + untilMs));
  };
  const offers = (): number => town.effects.filter(({ kind }) => kind === 'open_offer').length;
  return { town, turns, run, began, inputs, ticks, offers, forbid: () => (mayMatch = false) };
}

describe('ticks in turns', () => {
  it('go on, with a pause after each turn, until all is offered', () => {
    const { run, ticks, inputs, offers } = ticking(0);
    run(POLICY.tickMs + 100);
    expect(offers()).toBe(2);
    expect(ticks).toHaveLength(1);
    const turns = inputs.length;
    expect(turns).toBeGreaterThan(5);
    expect(ticks[0]).toMatchObject({ turns, durationMs: 0, elapsedMs: 2 * (turns - 1) });
  });

  it('leave most of the loop to others: the next one comes when the work was a quarter of the time', () => {
    const { run, ticks, began } = ticking(150);
    run(20 * POLICY.tickMs);
    const { durationMs } = ticks[0]!;
    expect(durationMs).toBeGreaterThan(POLICY.tickMs / 4);
    // The stopwatch stands `durationMs` ahead of the clock by then.
    expect(began[1]! - began[0]! + durationMs).toBeGreaterThanOrEqual(4 * durationMs);
    expect(began[1]! - began[0]! + durationMs).toBeLessThan(4 * durationMs + 2 * POLICY.tickMs);
  });

  it('stop where they are when this replica may not match any more (R7)', () => {
    const { run, inputs, offers, town, forbid } = ticking(0);
    run(POLICY.tickMs + 3);
    forbid();
    run(3 * POLICY.tickMs);
    expect(inputs).toEqual(['tick', 'tick_on', 'tick_dropped']);
    expect([offers(), town.state.tick, town.state.requests.size]).toEqual([0, null, 2]);
  });

  it('end with the dispatcher', () => {
    const { run, turns, inputs, town } = ticking(0);
    run(POLICY.tickMs + 3);
    turns.stop();
    run(3 * POLICY.tickMs);
    expect(inputs).toEqual(['tick', 'tick_on', 'tick_dropped']);
    expect(town.state.tick).toBeNull();
  });
});
