import { describe, expect, it } from 'vitest';
import { PingBudget } from '../../../src/sim/demo/ping-budget.ts';

const HABITS = { idlePingMs: [4_000, 10_000], movingPingMs: [2_000, 4_000] } as const;
const budget = (speed: number): PingBudget =>
  new PingBudget({ habits: HABITS, speed, perWallS: 6_000, idlePeriodMsMax: 45_000 });

describe('PingBudget', () => {
  it('leaves a small fleet alone', () => {
    const own = budget(20);
    own.update({ idle: 300, moving: 150 }, 0);
    expect(own.stretch).toBe(1);
  });

  it('brings a large fleet down to the budget', () => {
    const own = budget(10);
    own.update({ idle: 7_000, moving: 0 }, 0);
    expect((10 * 7_000) / 7 / own.stretch).toBeCloseTo(6_000);
  });

  it('R8: never stretches so far that a driver would count as silent', () => {
    const own = budget(120);
    for (let i = 0; i < 100; i++) own.update({ idle: 50_000, moving: 0 }, 1_000);
    expect(10_000 * own.stretch).toBe(45_000);
  });

  it('gives way while timers are late, and recovers', () => {
    const own = budget(10);
    const fleet = { idle: 7_000, moving: 0 };
    own.update(fleet, 0);
    const calm = own.stretch;
    for (let i = 0; i < 3; i++) own.update(fleet, 300);
    expect(own.stretch).toBeGreaterThan(calm * 1.5);
    for (let i = 0; i < 50; i++) own.update(fleet, 5);
    expect(own.stretch).toBeCloseTo(calm);
  });
});
