import type { MatchMode } from '../domain/market.ts';
import type { Candidates, WeighingContext } from './candidates.ts';
import type { CostTerms } from './costs.ts';
import { ruleOut, type RuledOut } from './eligibility.ts';
import type { MatchRequest } from './match-request.ts';
import { NearestBuffer } from '../geo/nearest-buffer.ts';

/** Drivers ruled out that are named, nearest first; the rest is in the counts. */
const RULED_OUT_NAMED_MAX = 20;

export interface ExplainedCandidate extends CostTerms {
  readonly driverId: string;
  readonly cost: number;
  readonly fate: 'chosen' | 'taken_by_another_request' | 'costlier';
}

/** Why a request was matched as it was at one tick: what `GET /v1/admin/trips/:id/explain` shows. */
export interface Explanation {
  readonly mode: MatchMode;
  readonly outcome: 'offered' | 'nobody';
  readonly radiusM: number;
  readonly waitedS: number;
  /** Requests matched in the same tick. */
  readonly batchSize: number;
  readonly candidates: readonly ExplainedCandidate[];
  readonly ruledOut: readonly { driverId: string; distanceM: number; why: RuledOut }[];
  readonly ruledOutCounts: Readonly<Partial<Record<RuledOut, number>>>;
}

/** Chosen columns of a tick: `all` for anybody, `own` for the request explained. */
export interface ChosenColumns {
  readonly own: ReadonlySet<number>;
  readonly all: ReadonlySet<number>;
}

/**
 * Explains a row of a gathered batch. Runs for what is offered or given up only, so a tick does not pay for it. Candidates are as the
 * batch saw them, who was ruled out is as of now; drivers whom the batch itself has been offering to others are candidates still.
 */
export function explain(
  context: WeighingContext,
  candidates: Candidates,
  request: MatchRequest,
  row: number,
  chosen: ChosenColumns,
  nowMs: number,
): Explanation {
  return {
    mode: context.policy.mode,
    outcome: chosen.own.size > 0 ? 'offered' : 'nobody',
    radiusM: Math.round(request.radiusM),
    waitedS: Math.round((nowMs - request.requestedMs) / 100) / 10,
    batchSize: candidates.rowCount,
    candidates: explainRow(candidates, row, chosen),
    ...explainRuledOut(context, candidates, request, row, chosen, nowMs),
  };
}

function explainRow(candidates: Candidates, row: number, chosen: ChosenColumns): ExplainedCandidate[] {
  const explained: ExplainedCandidate[] = [];
  for (let at = candidates.rowStart[row]!; at < candidates.rowStart[row + 1]!; at++) {
    const column = candidates.columns[at]!;
    const taken = chosen.all.has(column) ? 'taken_by_another_request' : 'costlier';
    explained.push({
      driverId: candidates.drivers.driverIds[column]!,
      ...rounded(candidates.termsAt(at)),
      cost: tenth(candidates.costs[at]!),
      fate: chosen.own.has(column) ? 'chosen' : taken,
    });
  }
  return explained.sort((a, b) => a.cost - b.cost);
}

function explainRuledOut(
  context: WeighingContext,
  { drivers, reachM }: Candidates,
  request: MatchRequest,
  row: number,
  chosen: ChosenColumns,
  nowMs: number,
): Pick<Explanation, 'ruledOut' | 'ruledOutCounts'> {
  const { rules } = context;
  const counts: Partial<Record<RuledOut, number>> = {};
  const near = new NearestBuffer(RULED_OUT_NAMED_MAX);
  const reason = (slot: number): RuledOut | null => {
    const why = ruleOut(rules, request, slot, nowMs);
    return why === 'offered' && chosen.all.has(drivers.columnOf(rules, slot)) ? null : why;
  };
  // Asked once per driver in reach while the buffer has room, later only for nearer ones: the counts are of those asked.
  const accept = (slot: number): boolean => {
    const why = reason(slot);
    if (why !== null) counts[why] = (counts[why] ?? 0) + 1;
    return why !== null;
  };
  // Beyond, nobody was asked for: there were nearer ones enough.
  const query = { ...request.pickup, radiusM: reachM[row]!, max: RULED_OUT_NAMED_MAX, accept };
  context.search.nearest(query, near);
  const ruledOut = Array.from({ length: near.count }, (_, i) => ({
    driverId: rules.index.driverOf(near.slots[i]!)!,
    distanceM: Math.round(near.distancesM[i]!),
    why: reason(near.slots[i]!)!,
  }));
  return { ruledOut, ruledOutCounts: counts };
}

const tenth = (value: number): number => Math.round(value * 10) / 10;

function rounded(terms: CostTerms): CostTerms {
  return {
    pickupS: tenth(terms.pickupS),
    freeInS: tenth(terms.freeInS),
    refusalS: tenth(terms.refusalS),
    fairnessS: tenth(terms.fairnessS),
  };
}
