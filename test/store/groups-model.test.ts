import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import type { TripCommand } from '../../src/store/trip-store.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import { anyMove, Play } from './play.ts';

const grouped = await freshTripStore(4);
const alone = await freshTripStore(4);

const KINDS = ['transition', 'request', 'accept', 'decline'] as const;
const turnOf = ({ kind }: TripCommand): number => Math.min(KINDS.indexOf(kind), 2);

/** The accounts and trips that a command touches. */
function touchedBy(command: TripCommand, tripOfOffer: ReadonlyMap<string, string>): string[] {
  const { key } = command;
  const account = key === null ? [] : [key.accountId];
  switch (command.kind) {
    case 'request':
      return [...account, command.trip.riderId, command.trip.tripId];
    case 'transition':
      return [...account, command.tripId];
    default:
      return [...account, command.driverId, tripOfOffer.get(command.offerId) ?? command.offerId];
  }
}

/**
 * Where each command of a batch stands when they are given one by one: those that touch nothing that an earlier one touches come first,
 * transitions before requests before answers, the others after them as they are.
 */
function oneByOne(batch: readonly TripCommand[], tripOfOffer: ReadonlyMap<string, string>): number[] {
  const touched = new Set<string>();
  const first: number[] = [];
  const rest: number[] = [];
  for (const [at, command] of batch.entries()) {
    const names = touchedBy(command, tripOfOffer);
    (names.some((name) => touched.has(name)) ? rest : first).push(at);
    for (const name of names) touched.add(name);
  }
  return [...first.sort((a, b) => turnOf(batch[a]!) - turnOf(batch[b]!)), ...rest];
}

/** What is kept under the accounts' keys, but for when it was stored by whom. */
const keptBy = ({ sql }: typeof alone, play: Play) =>
  sql`select account_id, key, fingerprint, trip_id, seq, answer from command_answers
    where account_id = any (${[...play.riders, ...play.drivers] as string[]}) order by account_id, key`;

describe('commands in groups and alone', () => {
  it('R1 R4 R5 give the same answers, rows, events and kept answers', async () => {
    const sizes = { together: 0, later: 0 };
    const group = fc.array(anyMove, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(group, { minLength: 15, maxLength: 15 }), async (groups) => {
        const play = new Play();
        const stores = [grouped.store, alone.store] as const;
        for (const moves of groups) {
          for (const played of moves.filter(({ do: what }) => what === 'open' || what === 'close')) {
            const [one, other] = await play.make(played, stores, alone.store);
            expect(one).toEqual(other);
          }
          const batch = await play.together(moves, alone.store);
          const opened = await alone.sql<
            { offer: string; trip: string }[]
          >`select offer_id as offer, trip_id as trip
            from offers where offer_id = any (${play.offers.map(({ offerId }) => offerId)})`;
          const order = oneByOne(batch, new Map(opened.map(({ offer, trip }) => [offer, trip])));
          const answers = await Promise.all(batch.map((command) => grouped.store.execute(command)));
          for (const at of order) expect(answers[at]).toEqual(await alone.store.execute(batch[at]!));
          sizes.together += batch.length > 1 ? 1 : 0;
          sizes.later += order.some((at, place) => at !== place) ? 1 : 0;
        }
        expect(await play.observe(grouped.store)).toEqual(await play.observe(alone.store));
        expect(await keptBy(grouped, play)).toEqual(await keptBy(alone, play));
      }),
      { numRuns: 40, seed: 20080607 },
    );
    // Else they would agree for want of groups, or of groups whose order matters.
    expect(sizes.together).toBeGreaterThan(300);
    expect(sizes.later).toBeGreaterThan(50);
    for (const { sql } of [grouped, alone]) expect((await auditTrips(sql)).violations).toEqual([]);
  }, 120_000);
});
