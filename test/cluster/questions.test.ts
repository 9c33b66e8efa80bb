import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/cluster.ts';
import type { DriverId, RiderId, TripId } from '../../src/domain/ids.ts';
import { Fleet, place, placeOwnedBy, type Member } from './fleet.ts';

const NAMES = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'];

async function three(): Promise<{ fleet: Fleet; a: Member; b: Member; c: Member }> {
  const fleet = new Fleet();
  const [a, b, c] = await fleet.start(...NAMES);
  return { fleet, a: a!, b: b!, c: c! };
}

/** What a promise comes to while the fleet runs on. */
async function outcome<T>(fleet: Fleet, asked: Promise<T>): Promise<T | { code: unknown }> {
  const settled = asked.catch((error: Error & { code?: unknown }) => ({ code: error.code }));
  await fleet.run(1_500);
  return settled;
}

const nearby = (cluster: Cluster, { at, max = 5 }: { at: Parameters<Cluster['nearby']>[0]; max?: number }) =>
  cluster.nearby(at, max);

describe('nearby', () => {
  it('is answered by the owner of the zone, wherever it is asked', async () => {
    const { fleet, a, b } = await three();
    const at = placeOwnedBy(b);
    place(b, 'd1', at);
    for (const { cluster } of [a, b]) {
      expect(await outcome(fleet, nearby(cluster, { at }))).toMatchObject({
        ...{ ok: true, value: [{ ...at, headingDeg: null, vehicleClass: 'economy', etaS: 60 }] },
      });
    }
    expect(b.cluster.status.questions.answered).toBe(1);
  });

  it('is unavailable, a retryable no, when the owner is silent', async () => {
    const { fleet, a, b } = await three();
    const at = placeOwnedBy(b);
    fleet.kill(b);
    expect(await outcome(fleet, nearby(a.cluster, { at }))).toMatchObject({ ok: false, code: 'unavailable' });
  });

  it('R7: is refused by who does not own the zone any more', async () => {
    const { fleet, a, b } = await three();
    const at = placeOwnedBy(b);
    // Asked just before the news of the leaving arrive.
    const asked = nearby(a.cluster, { at });
    void b.cluster.drain();
    expect(await outcome(fleet, asked)).toMatchObject({ ok: false, code: 'unavailable' });
    expect(b.cluster.status.questions.answered).toBe(1);
  });

  it('is shed when too many ask at once, and refused when too many wait already', async () => {
    const { fleet, a, b } = await three();
    const at = placeOwnedBy(b);
    const asked = Array.from({ length: 1_200 }, () => nearby(a.cluster, { at }));
    const answers = (await outcome(fleet, Promise.all(asked))) as { ok: boolean; code?: string }[];
    expect(answers.filter(({ ok }) => ok)).toHaveLength(500);
    expect(answers.filter(({ code }) => code === 'overloaded')).toHaveLength(700);
    expect(b.cluster.status.questions.shed).toBe(500);
    // Shed is for the moment: a second later all is well.
    expect(await outcome(fleet, nearby(a.cluster, { at }))).toMatchObject({ ok: true });
  });
});

describe('hosted', () => {
  it('names the drivers who are with any other replica', async () => {
    const { fleet, a, b, c } = await three();
    const ids = ['d1', 'd2', 'd3', 'd4'] as DriverId[];
    place(a, 'd1', placeOwnedBy(a));
    place(b, 'd2', placeOwnedBy(a));
    place(c, 'd3', placeOwnedBy(a));
    // Splits into several questions.
    const many = Array.from({ length: 5_000 }, (_, n) => `x${n}` as DriverId);
    expect(await outcome(fleet, a.cluster.hosted([...ids, ...many]))).toEqual(new Set(['d2', 'd3']));
  });

  it('rejects unless every live one has answered: a silent one may have the driver', async () => {
    const { fleet, a, b } = await three();
    const ids = ['d1'] as DriverId[];
    fleet.kill(b);
    expect(await outcome(fleet, a.cluster.hosted(ids))).toEqual({ code: 'no_answer' });
    await fleet.run(4_000);
    expect(await outcome(fleet, a.cluster.hosted(ids))).toEqual(new Set());
  });

  it('rejects while this replica does not know who is alive', async () => {
    const { fleet, a } = await three();
    a.line = 'refusing';
    await fleet.run(3_000);
    expect(await outcome(fleet, a.cluster.hosted(['d1' as DriverId]))).toEqual({ code: 'no_answer' });
  });

  it('does not wait for the time-out when the one asked is gone, or this one closes', async () => {
    const { fleet, a, b, c } = await three();
    fleet.meddle = (topic) => (topic === `replica:${b.id}` ? [] : undefined);
    const asked = a.cluster.hosted(['d1' as DriverId]).catch((error: { code?: unknown }) => error.code);
    b.cluster.close();
    let code: unknown = null;
    void asked.then((value) => void (code = value));
    expect(await fleet.until(() => code !== null, 1_000)).toBeLessThan(20);
    expect(code).toBe('peer_gone');

    fleet.meddle = (topic) => (topic === `replica:${c.id}` ? [] : undefined);
    const last = outcome(fleet, a.cluster.hosted(['d1' as DriverId]));
    a.cluster.close();
    expect(await last).toEqual({ code: 'closed' });
  });
});

describe('a driver’s place for a rider elsewhere', () => {
  it('goes once a flush, the newest, in one frame for each replica', async () => {
    const { fleet, a, b } = await three();
    const at = (n: number) => ({
      ...{ t: 'driver_at' as const, tripId: 't' as TripId, place: { lat: n, lng: 0 } },
      ...{ headingDeg: null, etaS: 1 },
    });
    const sent = a.bus.counts.sent;
    for (let n = 1; n <= 3; n++) {
      a.cluster.showDriverAt(b.id, 'r1' as RiderId, at(n));
      a.cluster.showDriverAt(b.id, 'r2' as RiderId, at(10 * n));
    }
    a.cluster.showDriverAt(a.id, 'r3' as RiderId, at(9));
    await fleet.run(300);
    expect(a.bus.counts.sent - sent).toBe(1);
    expect(b.desk.shown).toEqual([
      { riderId: 'r1', message: at(3) },
      { riderId: 'r2', message: at(30) },
    ]);
    expect(a.desk.shown).toEqual([{ riderId: 'r3', message: at(9) }]);
  });
});
