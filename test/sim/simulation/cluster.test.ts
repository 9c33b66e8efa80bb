import { describe, expect, it } from 'vitest';
import type { Canary } from '../../../src/sim/simulation/canary.ts';
import { runSim } from '../../../src/sim/simulation/run-sim.ts';
import { runWorld } from '../../../src/sim/simulation/run-world.ts';

/** A world takes a third of a second of one core; a busy machine several. */
const TIMEOUT_MS = 120_000;
const REPLICAS = 3;

describe('a simulated cluster', () => {
  it(
    'is deterministic: the same seed gives the same history, with one server another',
    async () => {
      const first = await runWorld({ seed: 3, canary: null, replicas: REPLICAS });
      expect(await runWorld({ seed: 3, canary: null, replicas: REPLICAS })).toEqual(first);
      expect((await runWorld({ seed: 3, canary: null })).digest).not.toBe(first.digest);
    },
    TIMEOUT_MS,
  );

  it(
    'is clean over 12 seeds: rules R1 to R12 under kills, pauses, cuts, drains, skewed clocks, faulty messages',
    async () => {
      const lines: string[] = [];
      const args = ['--replicas', String(REPLICAS), '--seeds', '12', '--threads', '0'];
      expect(await runSim(args, (line) => lines.push(line)), lines.join('\n')).toBe(0);
      expect(lines.join('\n')).toMatch(/12 worlds/);
    },
    TIMEOUT_MS,
  );

  /** Where to begin: what needs a rare moment is shown by one world in dozens. */
  const canaries: readonly [Canary, number][] = [
    ['claims_off', 1],
    ['keep_seats', 1],
    ['ignore_losses', 1],
    ['two_offers', 12],
    ['no_version_check', 56],
    ['no_take_over', 10],
  ];

  it.each(canaries)(
    'catches the canary %s, from seed %i on',
    async (canary, firstSeed) => {
      let seed = firstSeed;
      const caught = async (): Promise<boolean> =>
        (await runWorld({ seed, canary, replicas: REPLICAS })).violations.length > 0;
      while (!(await caught()) && seed < firstSeed + 20) seed += 1;
      expect(seed, `not caught from seed ${firstSeed} on`).toBeLessThan(firstSeed + 20);
    },
    TIMEOUT_MS,
  );

  it('says how many replicas it had when a rule is broken', async () => {
    const lines: string[] = [];
    const args = ['--seed', '1', '--replicas', '3', '--canary', 'claims_off', '--threads', '0'];
    expect(await runSim(args, (line) => lines.push(line))).toBe(1);
    expect(lines.join('\n')).toMatch(/again: npm run sim -- --seed 1 --replicas 3 --canary claims_off/);
    expect(lines.join('\n')).toMatch(/R7 .* without a claim/);
  });
});
