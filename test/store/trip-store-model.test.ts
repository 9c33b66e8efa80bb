import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPrng } from '../../src/lib/prng.ts';
import { auditMemory } from '../../src/store/audit-memory.ts';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import { anyMove, pick, Play } from './play.ts';

const { sql, storeWith } = await freshTripStore(8);
const onPostgres = storeWith({ batchMax: 8 });

describe('PostgreSQL and memory', () => {
  it('R1 R2 R3 R4 R5 R9 give the same answers to the same commands', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(anyMove, { minLength: 60, maxLength: 60 }), async (moves) => {
        const play = new Play();
        const inMemory = new MemoryTripStore();
        for (const played of moves) {
          const [expected, answer] = await play.make(played, [inMemory, onPostgres], inMemory);
          expect(answer).toEqual(expected);
          const text = JSON.stringify(expected);
          for (const [, what] of text?.matchAll(/"(?:code|why|kind)":"(\w+)"/g) ?? []) {
            seen.set(String(what), (seen.get(String(what)) ?? 0) + 1);
          }
        }
        expect(await play.observe(onPostgres)).toEqual(await play.observe(inMemory));
        expect(auditMemory(inMemory).violations).toEqual([]);
      }),
      { numRuns: 100, seed: 20080606 },
    );
    // The play must have gone everywhere, or its agreement says little.
    const everything = [
      ...['requested', 'accepted', 'arrived', 'started', 'completed', 'released', 'cancelled', 'expired'],
      ...['no_show', 'rider_busy', 'offer_gone', 'wrong_state', 'wrong_pin', 'too_early', 'forbidden'],
      ...['not_found', 'key_reused', 'trip_not_searching', 'driver_has_offer', 'driver_busy'],
      'driver_excluded',
    ];
    expect(everything.filter((what) => !seen.has(what))).toEqual([]);
    expect((await auditTrips(sql)).violations).toEqual([]);
  }, 120_000);

  it('R1 R2 R3 R4 R5 hold when two replicas play at once', async () => {
    const stores = [onPostgres, storeWith({ batchMax: 8 })];
    const play = new Play();
    const prng = createPrng(13);
    const moves = fc.sample(anyMove, { numRuns: 1_500, seed: 13 });
    const caller = async (): Promise<void> => {
      for (let played = moves.pop(); played !== undefined; played = moves.pop()) {
        await play.make(played, [pick(stores, prng.int(2))], onPostgres);
      }
    };
    await Promise.all(Array.from({ length: 24 }, caller));
    const report = await auditTrips(sql);
    expect(report.violations).toEqual([]);
    const accepted = await sql`select count(*)::int as n from trip_events where kind = 'accepted'`;
    expect(accepted[0]?.n).toBeGreaterThan(10);
  }, 120_000);
});
