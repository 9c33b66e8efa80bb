import { describe, expect, it } from 'vitest';
import { Doubts } from '../../src/dispatch/doubts.ts';
import type { Trip } from '../../src/domain/trip.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import type { NewTrip, TripStore } from '../../src/store/trip-store.ts';
import { Downtown, START_MS, tripId } from './downtown.ts';

async function doubtful() {
  const clock = new VirtualClock(START_MS);
  const store = new MemoryTripStore();
  const trip: NewTrip = new Downtown().trip(1, 0);
  await store.execute({ kind: 'request', key: { accountId: 'r', key: 'k', fingerprint: 'f' }, trip });
  const cancel = () =>
    store.execute({
      ...{ kind: 'transition', key: null, event: 'cancelled', tripId: tripId(1), actor: 'rider' },
      ...{ actorId: trip.riderId, atMs: clock.nowMs(), reason: 'late' },
    });
  const told: Trip[] = [];
  return { clock, store, cancel, told, learnt: (news: Trip) => void told.push(news) };
}

describe('a change whose answer was lost (R6)', () => {
  it('is told once, and once more when it turns out to be done later', async () => {
    const { clock, store, cancel, told, learnt } = await doubtful();
    const doubts = new Doubts({ store, clock });
    doubts.add({ tripId: tripId(1), driverId: null });
    await doubts.resolve(learnt);
    await doubts.resolve(learnt);
    expect(told.map((trip) => trip.status)).toEqual(['searching']);
    clock.fireNext(START_MS + 3_000);
    await cancel();
    await doubts.resolve(learnt);
    await doubts.resolve(learnt);
    expect(told.map((trip) => trip.status)).toEqual(['searching', 'cancelled']);
  });

  it('is looked up again after the store was out of reach', async () => {
    const { clock, store, told, learnt } = await doubtful();
    let isOut = true;
    const flaky = {
      trip: async (id) => {
        if (isOut) throw Object.assign(new Error('out'), { code: 'ECONNREFUSED' });
        return store.trip(id);
      },
    } satisfies Partial<TripStore>;
    const doubts = new Doubts({ store: flaky as unknown as TripStore, clock });
    doubts.add({ tripId: tripId(1), driverId: null });
    clock.fireNext(START_MS + 60_000);
    await expect(doubts.resolve(learnt)).rejects.toThrow('out');
    isOut = false;
    await doubts.resolve(learnt);
    expect(told).toHaveLength(1);
  });

  it('is no longer looked up once it is certain', async () => {
    const { clock, store, cancel, told, learnt } = await doubtful();
    const doubts = new Doubts({ store, clock });
    doubts.add({ tripId: tripId(1), driverId: null });
    clock.fireNext(START_MS + 11_000);
    await doubts.resolve(learnt);
    await cancel();
    await doubts.resolve(learnt);
    expect(told.map((trip) => trip.status)).toEqual(['searching']);
  });
});
