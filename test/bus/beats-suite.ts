import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { BeatInfo, Beats, Roll } from '../../src/bus/beats.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';

/** One store, and the replicas that beat in it. */
export interface BeatsStore {
  connect(replicaId: ReplicaId): Beats;
  /** Loses everything. */
  empty(): Promise<void>;
  /** Lets time pass until the lease of who has beaten before has run out; others may beat in `meanwhile`. */
  lease(meanwhile: () => Promise<unknown>): Promise<void>;
}

export const idOf = (name: string): ReplicaId => `replica${name}` as ReplicaId;
const IDLE: BeatInfo = { url: null, newsSeq: 0, openRequests: 0, canStore: true };
const idsOf = (roll: Roll): string[] =>
  roll.members.map(({ replicaId }) => replicaId.slice('replica'.length));

/** What beats.ts promises. */
export function testBeats(name: string, createStore: () => Promise<BeatsStore>): void {
  describe(`beats in ${name}`, () => {
    let store: BeatsStore;
    beforeEach(async () => {
      store = await createStore();
    });

    /** A replica that remembers the epoch it was answered, as real ones do. */
    function replica(id: string) {
      const beats = store.connect(idOf(id));
      let epoch = 0;
      return {
        leave: () => beats.leave(),
        async beat(info: BeatInfo = IDLE): Promise<Roll> {
          const roll = await beats.beat(info, epoch);
          expect(roll.epoch).toBeGreaterThanOrEqual(epoch);
          epoch = roll.epoch;
          return roll;
        },
      };
    }

    it('put the replica on the roll, which is the same for all, by id', async () => {
      const [b, a, c] = [replica('b'), replica('a'), replica('c')];
      expect(idsOf(await b.beat())).toEqual(['b']);
      expect(idsOf(await a.beat())).toEqual(['a', 'b']);
      const roll = await c.beat();
      expect(idsOf(roll)).toEqual(['a', 'b', 'c']);
      const again = await a.beat();
      expect(idsOf(again)).toEqual(['a', 'b', 'c']);
      expect(again.epoch).toBe(roll.epoch);
    });

    it('carry what each replica says of itself, the newest', async () => {
      const [a, b] = [replica('a'), replica('b')];
      await a.beat({ url: 'wss://a.example.com', newsSeq: 1, openRequests: 5, canStore: true });
      const said: BeatInfo = {
        url: 'wss://ä.example.com/"x"',
        newsSeq: 2 ** 40,
        openRequests: 6,
        canStore: true,
      };
      await a.beat(said);
      const { members } = await b.beat();
      expect(members.map(({ info }) => info)).toEqual([said, IDLE]);
    });

    it('raise the epoch with every change of who is alive, and only then', async () => {
      const [a, b] = [replica('a'), replica('b')];
      const alone = (await a.beat()).epoch;
      expect(alone).toBeGreaterThan(0);
      expect((await a.beat()).epoch).toBe(alone);
      const joined = (await b.beat()).epoch;
      expect(joined).toBeGreaterThan(alone);
      expect((await a.beat({ ...IDLE, newsSeq: 9 })).epoch).toBe(joined);
      await b.leave();
      const left = await a.beat();
      expect(idsOf(left)).toEqual(['a']);
      expect(left.epoch).toBeGreaterThan(joined);
      const rejoined = await b.beat();
      expect(idsOf(rejoined)).toEqual(['a', 'b']);
      expect(rejoined.epoch).toBeGreaterThan(left.epoch);
    });

    it('R11 take who has not beaten for a lease off the roll', async () => {
      const [a, b] = [replica('a'), replica('b')];
      const both = (await b.beat(), await a.beat());
      expect(idsOf(both)).toEqual(['a', 'b']);
      await store.lease(() => a.beat());
      const alone = await a.beat();
      expect(idsOf(alone)).toEqual(['a']);
      expect(alone.epoch).toBeGreaterThan(both.epoch);
      expect(idsOf(await b.beat())).toEqual(['a', 'b']);
    });

    it('tell the age of each beat, one’s own is new', async () => {
      const [a, b] = [replica('a'), replica('b')];
      await a.beat();
      const first = (await b.beat()).members;
      expect(first.map(({ ageMs }) => ageMs >= 0)).toEqual([true, true]);
      expect(first[1]!.ageMs).toBe(0);
      await vi.waitFor(async () => {
        const [other, own] = (await b.beat()).members;
        expect(other!.ageMs).toBeGreaterThan(first[0]!.ageMs);
        expect(own!.ageMs).toBe(0);
      });
    });

    it('R12 bring everybody back after the store was emptied, and the epoch never falls', async () => {
      const all = ['a', 'b', 'c'].map(replica);
      for (let round = 0; round < 3; round++) for (const one of all) await one.beat();
      const before = (await all[0]!.beat()).epoch;
      await store.empty();
      const epochs: number[] = [before];
      for (const one of all) epochs.push((await one.beat()).epoch);
      expect(epochs).toEqual([...epochs].sort((x, y) => x - y));
      expect(new Set(epochs).size).toBe(4);
      const roll = await all[0]!.beat();
      expect(idsOf(roll)).toEqual(['a', 'b', 'c']);
      expect(roll.epoch).toBe(epochs[3]);
    });

    it('hold to the highest epoch that anybody knows', async () => {
      const [a, b] = [store.connect(idOf('a')), store.connect(idOf('b'))];
      await a.beat(IDLE, 0);
      const joined = (await b.beat(IDLE, 1_000)).epoch;
      expect(joined).toBe(1_001);
      expect((await a.beat(IDLE, 1)).epoch).toBe(1_001);
      // Known by its caller only, of the same roll: no change of who is alive.
      expect((await a.beat(IDLE, 5_000)).epoch).toBe(5_000);
      expect((await b.beat(IDLE, 1_001)).epoch).toBe(5_000);
    });

    it('may be left by who is not on the roll', async () => {
      const [a, b] = [replica('a'), replica('b')];
      const { epoch } = await a.beat();
      await b.leave();
      await b.leave();
      expect(await a.beat()).toMatchObject({ epoch, members: [{ replicaId: idOf('a') }] });
    });
  });
}
