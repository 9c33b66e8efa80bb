import { describe, expect, it } from 'vitest';
import { CANARIES, needsReplicas, type Canary } from '../../../src/sim/simulation/canary.ts';
import { runWorld } from '../../../src/sim/simulation/run-world.ts';
import { runSim } from '../../../src/sim/simulation/run-sim.ts';

/** A world takes a third of a second of one core. */
const TIMEOUT_MS = 120_000;
const CANARY_SEEDS_MAX = 40;
/**
 * Where to begin, for what few worlds show: an engine that knows its drivers does not offer a busy one, so only the overlap of
 * two servers at the wrong moment brings this canary out (1 world in 60 to 200).
 */
const FIRST_SEED: Partial<Record<Canary, number>> = { busy_driver: 60 };

describe('the simulation', () => {
  it('is deterministic: the same seed gives the same history, another gives another', async () => {
    const [first, again, other] = [
      await runWorld({ seed: 3, canary: null }),
      await runWorld({ seed: 3, canary: null }),
      await runWorld({ seed: 4, canary: null }),
    ];
    expect(again).toEqual(first);
    expect(other.digest).not.toBe(first.digest);
  });

  it(
    'is clean over 20 seeds: rules R1 to R6, R8 to R10 and liveness (R1)',
    async () => {
      const lines: string[] = [];
      expect(
        await runSim(['--seeds', '20', '--threads', '0'], (line) => lines.push(line)),
        lines.join('\n'),
      ).toBe(0);
      expect(lines.join('\n')).toMatch(/20 worlds/);
    },
    TIMEOUT_MS,
  );

  it.each((Object.keys(CANARIES) as Canary[]).filter((canary) => !needsReplicas(canary)))(
    'catches the canary %s',
    async (canary) => {
      let seed = (FIRST_SEED[canary] ?? 1) - 1;
      const lastSeed = seed + CANARY_SEEDS_MAX;
      let caught = false;
      while (!caught && seed < lastSeed)
        caught = (await runWorld({ seed: ++seed, canary })).violations.length > 0;
      expect(caught, `not caught by ${seed} seeds`).toBe(true);
    },
    TIMEOUT_MS,
  );

  it('prints what a violation needs to be found again, and exits with 1', async () => {
    const lines: string[] = [];
    const args = ['--seed', '1', '--seeds', '5', '--canary', 'announce_before_persist', '--threads', '0'];
    expect(await runSim(args, (line) => lines.push(line))).toBe(1);
    const text = lines.join('\n');
    expect(text).toMatch(/again: npm run sim -- --seed \d+ --canary announce_before_persist/);
    expect(text).toMatch(/commit \w+/);
    expect(text).toMatch(/R6 .* which is not stored/);
    expect(text).toMatch(/ s {2}trip \w{6} store: /);
    expect(text).toMatch(/NOT CLEAN/);
  });

  it.each([
    [['--seeds', 'many']],
    [['--seeds', '0']],
    [['--canary', 'nightingale']],
    [['--replicas', '0']],
    [['--canary', 'keep_seats']],
    [['stray']],
  ])('says what it takes when given %j', async (args) => {
    const lines: string[] = [];
    expect(await runSim(args, (line) => lines.push(line))).toBe(2);
    expect(lines.join('\n')).toMatch(/--seeds N/);
  });
});
