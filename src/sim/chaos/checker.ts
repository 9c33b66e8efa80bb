import type postgres from 'postgres';
import { checkCommands, type CommandFigures } from './command-rules.ts';
import { linesAbout, readHistory } from './history-reader.ts';
import { readStored, type Stored } from './stored-city.ts';
import { checkTold } from './telling-rules.ts';
import { checkTrips } from './trip-rules.ts';
import type { Violation } from './verdict.ts';

/** What the histories and the database say of a run. */
export interface Judgement {
  readonly figures: CommandFigures;
  /** Acknowledged commands that are lost, requests that have not ended. */
  readonly lost: number;
  readonly doubleAssigned: number;
  /** All of them, the two kinds above among them, each with what its clients' histories say. */
  readonly violations: readonly (Violation & { readonly history: readonly string[] })[];
  readonly trips: Readonly<Record<string, number>>;
  readonly offers: number;
  /** When each trip was first offered to anybody, Unix ms. */
  readonly offeredMs: ReadonlyMap<string, number>;
}

/** Violations whose history is looked up; of more the first tell enough. */
const TOLD_MAX = 50;

/**
 * Judges a run by what its clients noted and what its database holds. Independent of the engine: imports nothing of it, knows
 * the rules by itself, reads the tables with its own SQL.
 */
export async function judge(historyFile: string, sql: postgres.Sql): Promise<Judgement> {
  const history = await readHistory(historyFile);
  const stored = await readStored(sql);
  const commands = checkCommands(history, stored);
  const violations = [...checkTrips(stored), ...commands.violations, ...checkTold(history, stored)];
  const count = (rule: Violation['rule']): number =>
    violations.filter((violation) => violation.rule === rule).length;
  return {
    figures: commands.figures,
    lost: count('lost'),
    doubleAssigned: count('double_assigned'),
    violations: violations.map((violation, at) => ({
      ...violation,
      history: at < TOLD_MAX ? linesAbout(history, violation) : [],
    })),
    ...figuresOf(stored),
  };
}

function figuresOf({ trips, offers }: Stored): Pick<Judgement, 'trips' | 'offers' | 'offeredMs'> {
  const byStatus: Record<string, number> = {};
  for (const { status } of trips) byStatus[status] = (byStatus[status] ?? 0) + 1;
  const first = new Map<string, number>();
  for (const { tripId, offeredMs } of offers)
    first.set(tripId, Math.min(offeredMs, first.get(tripId) ?? Infinity));
  return { trips: byStatus, offers: offers.length, offeredMs: first };
}
