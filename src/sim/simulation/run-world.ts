import { isFinal } from '../../domain/trip.ts';
import { idleLoop } from '../../lib/clock.ts';
import { DRAIN_MS_MAX } from './downtown.ts';
import { checkConverged, checkHistories } from './history-rules.ts';
import { checkOwners } from './search-rules.ts';
import { checkHosts, checkServer } from './server-rules.ts';
import type { RuleViolation } from './violation.ts';
import { World, type WorldOptions } from './world.ts';

/** What became of one seed's world. The same options give the same outcome, to the digest. */
export interface WorldOutcome {
  readonly seed: number;
  readonly mode: string;
  readonly digest: string;
  /** Virtual events fired, and virtual seconds that passed. */
  readonly events: number;
  readonly virtualS: number;
  readonly requested: number;
  readonly matched: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly offers: number;
  readonly restarts: number;
  readonly violations: readonly RuleViolation[];
  /** When the first violation came, seconds from the world's start, and what led to it. */
  readonly trace: readonly string[];
}

/** With faults off and every trip ended, so long until everybody must know. */
const QUIET_MS = 90_000;
const LOOK_MS = 1_000;

/** Runs one world to its end, or to its first violation. */
export async function runWorld(options: WorldOptions): Promise<WorldOutcome> {
  const world = new World(options);
  // A promise that nobody waits for has failed: a bug, and the seed must be told with it.
  const unhandled = (error: unknown): void => world.broken(error, 'an unhandled rejection');
  process.on('unhandledRejection', unhandled);
  try {
    await live(world);
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  return outcomeOf(options.seed, world);
}

async function live(world: World): Promise<void> {
  const { plan, clock, faults, mishaps, town } = world;
  mishaps.begin();
  town.begin();
  const stopMs = plan.startMs + plan.durationMs;
  await runUntil(world, stopMs);
  faults.stop();
  mishaps.stop();
  const boundMs = stopMs + DRAIN_MS_MAX;
  while (!hasEnded(world) && clock.nowMs() < boundMs && isClean(world))
    await runUntil(world, clock.nowMs() + LOOK_MS);
  await runUntil(world, clock.nowMs() + QUIET_MS);
  if (isClean(world)) {
    const histories = [...world.histories.values()];
    checkHistories(histories, world.store, world.report);
    await checkConverged(histories, world.store, clock.nowMs(), world.report);
    if (isClean(world)) await checkServers(world);
  }
}

const isClean = (world: World): boolean => world.violations.length === 0;

/** Fires events up to a moment, everything that each sets off first; stops at a violation. */
async function runUntil(world: World, untilMs: number): Promise<void> {
  const { clock } = world;
  try {
    while (isClean(world) && clock.fireNext(untilMs)) await idleLoop();
  } catch (error) {
    world.broken(error, 'an event');
  }
}

function hasEnded(world: World): boolean {
  if (world.town.ridersUnderWay > 0) return false;
  for (const { trip } of world.store.records()) if (!isFinal(trip.status)) return false;
  return true;
}

/** Every machine is up again, and what each server believes is so. */
async function checkServers({ mishaps, store, zoneMap, report }: World): Promise<void> {
  if (zoneMap !== null) checkOwners(mishaps.awake, zoneMap.zones, report);
  checkHosts(mishaps.awake, report);
  for (const { number, serving } of mishaps.machines) {
    if (serving === null)
      report({ rule: 'R11', tripId: null, detail: `no server is up on machine ${number}` });
    else await checkServer(serving, store, report);
  }
}

function outcomeOf(seed: number, world: World): WorldOutcome {
  const records = [...world.store.records()];
  const count = (status: string): number => records.filter((one) => one.trip.status === status).length;
  const { plan, clock, log, violations } = world;
  return {
    seed,
    mode: plan.policy.mode,
    digest: log.digest(),
    events: clock.fired,
    virtualS: Math.round((clock.nowMs() - plan.startMs) / 1000),
    requested: records.length,
    matched: records.filter((one) => one.events.some((event) => event.kind === 'accepted')).length,
    completed: count('completed'),
    cancelled: count('cancelled'),
    expired: count('expired'),
    offers: records.reduce((sum, one) => sum + one.offers.length, 0),
    restarts: world.mishaps.restarts,
    violations,
    trace: violations[0] === undefined ? [] : log.about(violations[0].tripId, accountIn(violations[0])),
  };
}

/** The first account that a violation names. */
const accountIn = ({ detail }: RuleViolation): string | null =>
  /\b(driver|rider)-\d+\b/.exec(detail)?.[0] ?? null;
