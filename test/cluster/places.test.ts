import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinPlaces, splitPlaces } from '../../src/cluster/places-frame.ts';
import { placesTopic } from '../../src/cluster/topics.ts';
import type { Zone } from '../../src/domain/cell.ts';
import type { DriverId, ReplicaId } from '../../src/domain/ids.ts';
import { Fleet, FLUSH_MS, place, placeOwnedBy, type Member } from './fleet.ts';

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

  it('of zones not watched any more are forgotten', async () => {
    const fleet = new Fleet();
    const [a, b] = await fleet.start('aaaaaaaa', 'bbbbbbbb');
    const at = placeOwnedBy(a!);
    const d1 = place(b!, 'd1', at);
    await fleet.run(500);
    expect(knows(a!, d1)).toBe(true);
    await Promise.all([a!.cluster.drain(), fleet.run(1_000)]);
    expect(a!.cluster.status.watchedZones).toBe(0);
    expect(knows(a!, d1)).toBe(false);
  });

  it('that are damaged on the way change nothing', async () => {
    const { fleet, a, b } = await two();
    const zone = [...b.desk.zones][0]!;
    const topic = placesTopic(b.id);
    const whole = joinPlaces(a.id, [{ zone, frame: Uint8Array.of(5, 5) }]);
    a.bus.publish(topic, Uint8Array.of(2, 200, 1, 2));
    a.bus.publish(topic, new Uint8Array());
    a.bus.publish(topic, whole.subarray(0, whole.length - 1));
    // Whole, but what is in it is no frame.
    a.bus.publish(topic, whole);
    await fleet.run(100);
    expect(b.cluster.status.places.badFrames).toBe(3);
    expect(b.remote.counts.badFrames).toBe(1);
    expect(b.index.count).toBe(0);
  });

  it('of many zones go to each who watches any of them in one message a flush', async () => {
    const { fleet, a, b } = await two();
    for (let n = 0; n < 40; n++) place(a, `d${n}`, { lat: 37.62 + n * 0.005, lng: -122.53 + n * 0.005 });
    await fleet.run(6_000);
    const before = a.cluster.status.places;
    const { frames, zones } = { ...before };
    for (let n = 0; n < 40; n++) place(a, `d${n}`, { lat: 37.621 + n * 0.005, lng: -122.53 + n * 0.005 });
    await fleet.run(FLUSH_MS);
    const after = a.cluster.status.places;
    expect(after.frames - frames).toBe(1);
    expect(after.zones - zones).toBeGreaterThan(3);
    expect(b.index.count).toBeGreaterThan(0);
  });
});

describe('a message of places', () => {
  it('is what was joined, and refused whole when a byte is missing', () => {
    const sections = fc.array(fc.record({ zone: fc.nat(), frame: fc.uint8Array({ maxLength: 50 }) }));
    fc.assert(
      fc.property(sections, fc.nat(), (given, cut) => {
        const from = 'aaaaaaaa' as ReplicaId;
        const zones = given.map(({ zone, frame }) => ({ zone: zone as Zone, frame }));
        const bytes = joinPlaces(from, zones);
        const read = splitPlaces(bytes);
        expect(read?.from).toBe(from);
        expect(read?.sections.map(({ zone, frame }) => [zone, [...frame]])).toEqual(
          given.map(({ zone, frame }) => [zone, [...frame]]),
        );
        const some = splitPlaces(bytes.subarray(0, cut % bytes.length));
        if (some !== null) expect(some.sections.length).toBeLessThan(Math.max(1, given.length));
      }),
    );
  });
});
