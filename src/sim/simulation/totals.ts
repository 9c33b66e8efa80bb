import type { WorldOutcome } from './run-world.ts';

const SUMMED = [
  'events',
  'virtualS',
  'requested',
  'matched',
  'completed',
  'cancelled',
  'expired',
  'offers',
  'restarts',
] as const;

/** Sums over worlds; `expired` and the like count trips. */
export type SimTotals = Record<(typeof SUMMED)[number] | 'worlds' | 'violations', number>;

export function createTotals(): SimTotals {
  const zeros = Object.fromEntries(SUMMED.map((name) => [name, 0])) as SimTotals;
  return { ...zeros, worlds: 0, violations: 0 };
}

export function addOutcome(totals: SimTotals, outcome: WorldOutcome): void {
  totals.worlds += 1;
  totals.violations += outcome.violations.length;
  for (const name of SUMMED) totals[name] += outcome[name];
}

export function totalsText(totals: SimTotals): string {
  const { worlds, events, virtualS, requested, matched, completed, cancelled, expired } = totals;
  return [
    `${worlds} worlds, ${(virtualS / 3600).toFixed(1)} virtual hours, ${events} events`,
    `${requested} rides asked, ${matched} matched, ${completed} completed, ${cancelled} cancelled, ${expired} expired`,
    `${totals.offers} offers, ${totals.restarts} restarts`,
  ].join('\n');
}
