import { describe, expect, it } from 'vitest';
import { zoneTopic } from '../../src/cluster/topics.ts';
import { zoneAt } from '../../src/domain/cell.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { Fleet, GRID, place, placeOwnedBy, type Member } from './fleet.ts';

const PARIS = { lat: 48.85, lng: 2.35 };

async function two(): Promise<{ fleet: Fleet; a: Member; b: Member }> {
  const fleet = new Fleet();
  const [a, b] = await fleet.start('aaaaaaaa', 'bbbbbbbb');
  return { fleet, a: a!, b: b! };
}

const knows = ({ index }: Member, driverId: DriverId): boolean => index.slotOf(driverId) >= 0;

describe('drivers’ places', () => {
  it('reach who watches the zone within a flush, and moving and leaving too', async () => {
    const { fleet, a, b } = await two();
    const at = placeOwnedBy(b);
    const d1 = place(a, 'd1', at);
    await fleet.run(300);
    const slot = b.index.slotOf(d1);
    expect(b.index.placeOf(slot)).toEqual(at);
    expect(b.index.isHere(slot)).toBe(false);
    expect(b.remote.hostOf(d1)).toBe(a.id);
    await fleet.run(100);
    place(a, 'd1', { lat: at.lat + 0.0001, lng: at.lng });
    await fleet.run(300);
    expect(b.index.placeOf(slot)).toEqual({ lat: at.lat + 0.0001, lng: at.lng });
    a.index.remove(a.index.slotOf(d1));
    await fleet.run(2_000);
    expect(knows(b, d1)).toBe(false);
  });

  it('of a driver who hardly moves are told again within seconds, not with each flush; of one who moves or changes status at once', async () => {
    const { fleet, a, b } = await two();
    const at = placeOwnedBy(b);
    const north = (m: number) => ({ lat: at.lat + m / 111_195, lng: at.lng });
    const d1 = place(a, 'd1', at);
    const here = a.index.slotOf(d1);
    const drive = (m: number): void => {
      a.index.columns.atMs[here] = a.clock.nowMs();
      a.index.place(here, north(m).lat, at.lng);
    };
    await fleet.run(3_500);
    const seen = () => b.index.placeOf(b.index.slotOf(d1));
    // From here on the status is an old one.
    drive(30);
    await fleet.run(300);
    expect(seen()).toEqual(north(30));
    const before = a.cluster.status.places.frames;
    drive(40);
    await fleet.run(1_000);
    expect(seen()).toEqual(north(30));
    expect(a.cluster.status.places.frames).toBe(before);
    await fleet.run(3_000);
    a.index.touch(here);
    await fleet.run(300);
    expect(seen()).toEqual(north(40));
    const told = a.cluster.status.places.frames;
    a.index.setStatus(here, 'on_trip', a.clock.nowMs());
    await fleet.run(300);
    expect(a.cluster.status.places.frames).toBeGreaterThan(told);
  });

  it('are not published where nobody else watches', async () => {
    const { fleet, a, b } = await two();
    const d1 = place(a, 'd1', PARIS);
    await fleet.run(1_000);
    expect(a.cluster.status.places.frames).toBe(0);
    expect(knows(b, d1)).toBe(false);
    b.cluster.close();
    // What was asked for at the start has been answered by then.
    await fleet.run(6_000);
    place(a, 'd2', placeOwnedBy(a));
    await fleet.run(500);
    expect(a.cluster.status.places.frames).toBe(0);
  });

  it('that were there before reach who begins to watch: nobody waits for the next ping', async () => {
    const fleet = new Fleet();
    const [a] = await fleet.start('aaaaaaaa');
    const ids = Array.from({ length: 40 }, (_, n) =>
      place(a!, `d${n}`, { lat: 37.62 + n * 0.005, lng: -122.53 + n * 0.005 }),
    );
    await fleet.run(1_000);
    const [b] = await fleet.start('bbbbbbbb');
    await fleet.run(1_000);
    const watched = ids.filter((id) => b!.cluster.elsewhere(a!.index.zoneOf(a!.index.slotOf(id))!) === null);
    expect(watched.length).toBeGreaterThan(0);
    for (const id of watched) expect(knows(b!, id)).toBe(true);
  });

  it('R11: of one who was cut off are asked for anew when it is back, by both sides', async () => {
    const { fleet, a, b } = await two();
    const [d1, d2] = [place(a, 'd1', placeOwnedBy(b)), place(b, 'd2', placeOwnedBy(a))];
    await fleet.run(500);
    b.line = 'silent';
    b.bus.setReachable(false);
    await fleet.run(6_000);
    expect(a.desk.gone).toEqual([b.id]);
    a.remote.gone(b.id, a.clock.nowMs());
    expect(a.remote.hostOf(d2)).toBeNull();
    place(a, 'd1', { lat: placeOwnedBy(b).lat + 0.0001, lng: placeOwnedBy(b).lng });
    await fleet.run(500);
    b.line = 'open';
    b.bus.setReachable(true);
    await fleet.run(4_000);
    expect(b.index.placeOf(b.index.slotOf(d1))).toEqual(a.index.placeOf(a.index.slotOf(d1)));
    expect(a.remote.hostOf(d2)).toBe(b.id);
  });

  it('of zones not watched any more are forgotten, and their topics left', async () => {
    const fleet = new Fleet();
    const [a, b] = await fleet.start('aaaaaaaa', 'bbbbbbbb');
    const at = placeOwnedBy(a!);
    const d1 = place(b!, 'd1', at);
    await fleet.run(500);
    expect(knows(a!, d1)).toBe(true);
    expect(a!.bus.hears(zoneTopic(zoneAt(at.lat, at.lng, GRID)))).toBe(true);
    await Promise.all([a!.cluster.drain(), fleet.run(1_000)]);
    expect(a!.cluster.status.watchedZones).toBe(0);
    expect(a!.bus.hears(zoneTopic(zoneAt(at.lat, at.lng, GRID)))).toBe(false);
    expect(knows(a!, d1)).toBe(false);
  });

  it('that are damaged on the way change nothing', async () => {
    const { fleet, a, b } = await two();
    const zone = [...b.desk.zones][0]!;
    a.bus.publish(zoneTopic(zone), Uint8Array.of(1, 200, 1, 2));
    a.bus.publish(zoneTopic(zone), new Uint8Array());
    a.bus.publish(zoneTopic(zone), Uint8Array.of(1, 1, 97, 5, 5));
    await fleet.run(100);
    expect(b.cluster.status.places.badFrames).toBe(2);
    expect(b.remote.counts.badFrames).toBe(1);
    expect(b.index.count).toBe(0);
  });
});
