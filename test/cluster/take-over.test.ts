import { describe, expect, it } from 'vitest';
import { createOwnership } from '../../src/cluster/ownership.ts';
import { CLUSTER_TIMING } from '../../src/cluster/timing.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';
import { Fleet, LEASE_MS, offDuty, ZONE_MAP, type Member } from './fleet.ts';

const NAMES = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'];
/** Two looks at the leases, since the first may come a moment early by the store's clock, and the ways of messages. */
const A_BIT_MS = 2 * CLUSTER_TIMING.checkMs + 50;

async function three(): Promise<{ fleet: Fleet; a: Member; b: Member; c: Member }> {
  const fleet = new Fleet();
  const [a, b, c] = await fleet.start(...NAMES);
  return { fleet, a: a!, b: b!, c: c! };
}

const allOf = (...members: Member[]): number[] =>
  members.flatMap(({ desk }) => desk.zones).sort((x, y) => x - y);

describe('three replicas', () => {
  it('share all zones out, each to one', async () => {
    const { fleet, a, b, c } = await three();
    expect(fleet.unserved([a, b, c])).toEqual([]);
    expect(allOf(a, b, c)).toEqual(ZONE_MAP.zones);
    for (const { desk, cluster } of [a, b, c]) {
      expect(desk.zones.length).toBeGreaterThan(0);
      expect(desk.zones.every((zone) => cluster.owns(zone) && cluster.elsewhere(zone) === null)).toBe(true);
      expect(cluster.status.members).toEqual(NAMES);
      expect(cluster.readiness()).toBeNull();
    }
    expect([a, b, c].map(({ cluster }) => cluster.isFirst)).toEqual([true, false, false]);
    const zone = b.desk.zones[0]!;
    expect(a.cluster.elsewhere(zone)).toEqual({ replicaId: b.id, url: 'wss://bbbbbbbb.test' });
  });

  it('R11: a killed one’s zones are owned again within the lease and a bit, whenever it dies', async () => {
    for (const afterMs of [0, 130, 480, 760, 990]) {
      const { fleet, a, b, c } = await three();
      await fleet.run(afterMs);
      fleet.kill(b);
      const tookMs = await fleet.until(() => fleet.unserved([a, c]).length === 0, 10_000);
      expect(tookMs).toBeLessThanOrEqual(LEASE_MS + A_BIT_MS);
      // Nor sooner than it could have been sure of its own lease.
      expect(tookMs).toBeGreaterThan(LEASE_MS - CLUSTER_TIMING.beatMs - A_BIT_MS);
      await fleet.run(1_000);
      for (const { desk } of [a, c]) {
        expect(desk.gone).toEqual([b.id]);
        expect(desk.lostTrackMs).toHaveLength(1);
      }
    }
  });

  it('R11: a killed one gives away its zones and no others change hands', async () => {
    const { fleet, a, b, c } = await three();
    const before = [a, c].map(({ desk }) => desk.zones);
    fleet.kill(b);
    await fleet.until(() => fleet.unserved([a, c]).length === 0, 10_000);
    [a, c].forEach(({ desk }, i) => expect(desk.zones).toEqual(expect.arrayContaining(before[i]!)));
  });

  it('R7: a paused one wakes up deposed: it may not match from before the others took over until it is back', async () => {
    for (const timersFirst of [true, false]) {
      const { fleet, a, b, c } = await three();
      const others = [a, c];
      const zones = b.desk.zones;
      b.clock.pause();
      const overlaps: number[] = [];
      const look = (): void => {
        const taken = zones.some((zone) => others.some(({ cluster }) => cluster.owns(zone)));
        if (taken && b.cluster.mayMatch()) overlaps.push(fleet.clock.nowMs());
      };
      await fleet.run(6_000, look);
      expect(fleet.unserved(others)).toEqual([]);
      expect(b.cluster.mayMatch()).toBe(false);
      expect(b.cluster.isFirst).toBe(false);
      expect(overlaps).toEqual([]);
      const [a0, c0] = others.map(({ desk }) => desk.lostTrackMs.length);

      b.clock.resume(timersFirst);
      await fleet.until(() => fleet.unserved([a, b, c]).length === 0, 2_000);
      // It has missed who matched its zones meanwhile, and looks everything up.
      await fleet.run(500);
      expect(b.desk.lostTrackMs.length).toBeGreaterThan(0);
      // It struck nobody off while it knew nothing, and the others lost nothing by its coming back.
      expect(b.desk.gone).toEqual([]);
      expect([a0, c0]).toEqual(others.map(({ desk }) => desk.lostTrackMs.length));
      expect(allOf(a, b, c)).toEqual(ZONE_MAP.zones);
    }
  });

  it('R11: a drained one hands over at once, stays to serve its clients, and is gone when it closes', async () => {
    const { fleet, a, b, c } = await three();
    const drained = b.cluster.drain();
    expect(b.cluster.mayMatch()).toBe(false);
    expect(b.desk.zones).toEqual([]);
    expect(b.cluster.readiness()).toMatch(/leaving/);
    expect(await fleet.until(() => fleet.unserved([a, c]).length === 0, 1_000)).toBeLessThan(20);
    await Promise.all([drained, fleet.run(7_000)]);
    expect(fleet.unserved([a, c])).toEqual([]);
    expect(a.desk.gone).toEqual([]);
    a.cluster.tell(offDuty('d1'));
    b.cluster.tell(offDuty('d2'));
    await fleet.run(100);
    expect(b.desk.learnt).toMatchObject([{ from: a.id }]);
    expect(a.desk.learnt).toMatchObject([{ from: b.id }]);
    expect(b.cluster.elsewhere(a.desk.zones[0]!)?.replicaId).toBe(a.id);

    b.cluster.close();
    await fleet.run(100);
    expect([a.desk.gone, c.desk.gone]).toEqual([[b.id], [b.id]]);
  });

  it('R11: one that dies while it drains is gone a lease later', async () => {
    const { fleet, a, b } = await three();
    await Promise.all([b.cluster.drain(), fleet.run(2_500)]);
    fleet.kill(b);
    const tookMs = await fleet.until(() => a.desk.gone.length > 0, 10_000);
    expect(tookMs).toBeLessThanOrEqual(LEASE_MS + A_BIT_MS);
  });

  it('R7: a new one takes its share and nothing else moves', async () => {
    const { fleet, a, b, c } = await three();
    const before = new Map([a, b, c].map((one) => [one, one.desk.zones]));
    const [d] = await fleet.start('dddddddd');
    await fleet.run(1_000);
    expect(fleet.unserved([a, b, c, d!])).toEqual([]);
    for (const [{ desk }, zones] of before) {
      expect(zones).toEqual(expect.arrayContaining(desk.zones));
      expect(zones.filter((zone) => !desk.zones.includes(zone)).every((zone) => d!.cluster.owns(zone))).toBe(
        true,
      );
    }
    // It joined with everybody listening: nobody has lost a thing.
    await fleet.run(3_000);
    for (const { desk } of [a, b, c]) expect(desk.lostTrackMs).toEqual([]);
  });

  it('R12: with the roll emptied nobody loses a zone', async () => {
    for (const afterMs of [0, 300, 700]) {
      const { fleet, a, b, c } = await three();
      await fleet.run(afterMs);
      const { epoch } = a.cluster.status;
      fleet.beats.empty();
      await fleet.run(6_000, () => expect(fleet.unserved([a, b, c])).toEqual([]));
      for (const { desk, cluster } of [a, b, c]) {
        expect(desk.gone).toEqual([]);
        expect(cluster.status.epoch).toBeGreaterThanOrEqual(epoch);
      }
    }
  });

  it.each(['refusing', 'silent'] as const)(
    'R12: with the store away (%s) nobody matches, nobody is struck off, and all is as before when it is back',
    async (line) => {
      const { fleet, a, b, c } = await three();
      const members = [a, b, c];
      const told = members.map(({ desk }) => desk.owned.length);
      for (const member of members) member.line = line;
      await fleet.run(10_000);
      for (const { cluster } of members) {
        expect(cluster.mayMatch()).toBe(false);
        expect(cluster.readiness()).toMatch(/no answer to its beat for 1[01] s/);
      }
      for (const member of members) member.line = 'open';
      const backMs = await fleet.until(() => fleet.unserved(members).length === 0, 10_000);
      expect(backMs).toBeLessThan(2_500);
      await fleet.run(5_000, () => expect(fleet.unserved(members)).toEqual([]));
      for (const { desk } of members) expect(desk.gone).toEqual([]);
      expect(members.map(({ desk }) => desk.owned.length)).toEqual(told);
    },
  );

  it('R11: one that died while the store was away is struck off a lease after it is back', async () => {
    const { fleet, a, b, c } = await three();
    for (const member of [a, b, c]) member.line = 'refusing';
    await fleet.run(4_000);
    fleet.kill(b);
    await fleet.run(4_000);
    for (const member of [a, c]) member.line = 'open';
    const tookMs = await fleet.until(() => fleet.unserved([a, c]).length === 0, 10_000);
    expect(tookMs).toBeLessThan(LEASE_MS + 1_000);
  });

  it('R7: one cut off from the store stands down before the others take over, and comes back into its own', async () => {
    const { fleet, a, b, c } = await three();
    const zones = b.desk.zones;
    b.line = 'silent';
    b.bus.setReachable(false);
    const overlaps: number[] = [];
    const look = (): void => {
      const taken = zones.some((zone) => a.cluster.owns(zone) || c.cluster.owns(zone));
      if (taken && b.cluster.mayMatch()) overlaps.push(fleet.clock.nowMs());
    };
    await fleet.run(5_000, look);
    expect(overlaps).toEqual([]);
    expect(fleet.unserved([a, c])).toEqual([]);
    expect(b.desk.gone).toEqual([]);
    b.line = 'open';
    b.bus.setReachable(true);
    await fleet.until(() => fleet.unserved([a, b, c]).length === 0, 3_000);
    await fleet.run(2_000);
    expect(b.desk.lostTrackMs.length).toBeGreaterThan(0);
    expect(b.desk.zones.sort()).toEqual(zones.sort());
  });

  it('is not started, and leaves nothing running, when the store is out of reach', async () => {
    const fleet = new Fleet();
    const alone = fleet.add('aaaaaaaa');
    alone.line = 'refusing';
    const outcome = alone.cluster.start(alone.desk).then(
      () => 'started',
      (error: Error) => error.message,
    );
    await fleet.run(3_000);
    expect(await outcome).toMatch(/could not join/);
    expect(alone.cluster.mayMatch()).toBe(false);
    alone.line = 'open';
    await fleet.run(3_000);
    expect(alone.cluster.status.members).toEqual([]);
    expect(alone.bus.hears('news')).toBe(false);
  });

  it('repeats itself exactly: the same faults, the same course of events', async () => {
    const course = async (): Promise<unknown> => {
      const { fleet, a, b, c } = await three();
      b.clock.pause();
      await fleet.run(4_000);
      b.clock.resume(true);
      fleet.kill(c);
      await fleet.run(6_000);
      return [fleet.clock.fired, a.desk.owned, b.desk.owned, a.desk.lostTrackMs, b.cluster.status];
    };
    expect(await course()).toEqual(await course());
  });

  it('agree with the pure function about who owns what', async () => {
    const { a } = await three();
    const ownership = createOwnership(NAMES as ReplicaId[]);
    expect(a.desk.zones).toEqual(ZONE_MAP.zones.filter((zone) => ownership.ownerOf(zone) === a.id));
  });
});
