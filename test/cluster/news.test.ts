import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, joinFrame, encodeItem } from '../../src/cluster/frame.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';
import { Fleet, offDuty, type Member } from './fleet.ts';

const NAMES = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'];
const NEWS = 'news';

async function three(): Promise<{ fleet: Fleet; a: Member; b: Member; c: Member }> {
  const fleet = new Fleet();
  const [a, b, c] = await fleet.start(...NAMES);
  return { fleet, a: a!, b: b!, c: c! };
}

const heardBy = ({ desk }: Member): unknown[] => desk.learnt.map(({ news }) => news);
const lostBy = (...members: Member[]): number[] => members.map(({ desk }) => desk.lostTrackMs.length);

describe('a frame', () => {
  it('gives back what was put in', () => {
    const item = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer(), fc.array(fc.string())),
    );
    fc.assert(
      fc.property(fc.array(item), fc.nat(), (items, number) => {
        const frame = encodeFrame('aaaaaaaa' as ReplicaId, number, items);
        const plain: unknown = JSON.parse(JSON.stringify({ from: 'aaaaaaaa', number, items }));
        expect(JSON.parse(JSON.stringify(decodeFrame(frame)))).toEqual(plain);
        expect(joinFrame('aaaaaaaa' as ReplicaId, number, items.map(encodeItem))).toEqual(frame);
      }),
    );
  });

  it('that is cut, changed or made up is refused or read, and never throws', () => {
    const good = encodeFrame('aaaaaaaa' as ReplicaId, 7, [offDuty('d1')]);
    for (let at = 0; at < good.length; at++) expect(decodeFrame(good.subarray(0, at))).toBeNull();
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeFrame(bytes)));
    expect(decodeFrame(Uint8Array.of(2, ...good.subarray(1)))).toBeNull();
  });
});

describe('news', () => {
  it('reach all others once, in order, one frame a turn of the loop', async () => {
    const { fleet, a, b, c } = await three();
    const { sent } = a.bus.counts;
    const told = ['d1', 'd2', 'd3'].map(offDuty);
    for (const news of told) a.cluster.tell(news);
    await fleet.run(50);
    expect(a.bus.counts.sent - sent).toBe(1);
    expect(heardBy(b)).toEqual(told);
    expect(heardBy(c)).toEqual(told);
    expect(heardBy(a)).toEqual([]);
    expect(b.desk.learnt[0]!.from).toBe(a.id);
  });

  it('beyond one frame’s limit go in several', async () => {
    const { fleet, a, b } = await three();
    const frames = a.cluster.status.news.toldFrames;
    for (let n = 0; n < 1_234; n++) a.cluster.tell(offDuty(`d${n}`));
    const long = 'x'.repeat(200_000);
    for (let n = 0; n < 3; n++) a.cluster.tell(offDuty(long));
    await fleet.run(50);
    expect(heardBy(b)).toHaveLength(1_237);
    // 500, 500, then 234 with one long one and two more of one each.
    expect(a.cluster.status.news.toldFrames - frames).toBe(5);
    await fleet.run(3_000);
    expect(lostBy(b)).toEqual([0]);
  });

  it('R6: repeated are learnt once', async () => {
    const { fleet, a, b } = await three();
    fleet.meddle = (topic) => (topic === NEWS ? [1, 1, 40] : undefined);
    a.cluster.tell(offDuty('d1'));
    await fleet.run(5);
    a.cluster.tell(offDuty('d2'));
    await fleet.run(3_000);
    expect(heardBy(b)).toEqual([offDuty('d1'), offDuty('d2')]);
    expect(lostBy(a, b)).toEqual([0, 0]);
  });

  it('R6: lost on the way are noticed by who lost them and nobody else: with the next news at once', async () => {
    const { fleet, a, b, c } = await three();
    fleet.meddle = (topic, from, to) => (topic === NEWS && from === a.id && to === b.id ? [] : undefined);
    a.cluster.tell(offDuty('d1'));
    await fleet.run(20);
    fleet.meddle = null;
    a.cluster.tell(offDuty('d2'));
    await fleet.run(20);
    expect(lostBy(a, b, c)).toEqual([0, 1, 0]);
    await fleet.run(4_000);
    expect(lostBy(a, b, c)).toEqual([0, 1, 0]);
  });

  it('R6: lost on the way are noticed in quiet times by the beats', async () => {
    const { fleet, a, b, c } = await three();
    fleet.meddle = (topic, from, to) => (topic === NEWS && from === a.id && to === c.id ? [] : undefined);
    a.cluster.tell(offDuty('d1'));
    const tookMs = await fleet.until(() => c.desk.lostTrackMs.length > 0, 5_000);
    expect(tookMs).toBeLessThan(2_900);
    await fleet.run(4_000);
    expect(lostBy(a, b, c)).toEqual([0, 0, 1]);
  });

  it('R6: after a lost connection everything is looked up, once for a burst of losses', async () => {
    const { fleet, a, b, c } = await three();
    b.bus.setReachable(false);
    for (let n = 0; n < 5; n++) {
      a.cluster.tell(offDuty(`d${n}`));
      await fleet.run(30);
    }
    b.bus.setReachable(true);
    a.cluster.tell(offDuty('d5'));
    await fleet.run(100);
    expect(lostBy(a, b, c)).toEqual([0, 1, 0]);
  });

  it('R6: told before this replica was known to the teller are noticed too', async () => {
    const fleet = new Fleet();
    const [a] = await fleet.start('aaaaaaaa');
    const b = fleet.add('bbbbbbbb');
    const started = b.cluster.start(b.desk);
    await fleet.until(() => b.desk.owned.length > 0, 1_000);
    await started;
    // The newcomer has read the store; the other has not seen it yet.
    expect(a!.cluster.status.members).toEqual([a!.id]);
    a!.cluster.tell(offDuty('d1'));
    await fleet.until(() => b.desk.learnt.length > 0 || b.desk.lostTrackMs.length > 0, 4_000);
  });

  it('of kinds not known here, or that cannot be read, are counted and passed over', async () => {
    const { fleet, a, b } = await three();
    const before = b.cluster.status.news.unknownItems;
    const strange = encodeFrame('zzzzzzzz' as ReplicaId, 1, [
      { kind: 'weather' },
      7,
      null,
      { kind: 'watching' },
    ]);
    a.bus.publish(NEWS, strange);
    a.bus.publish(NEWS, Uint8Array.of(9, 9, 9));
    a.bus.publish(`replica:${b.id}`, Uint8Array.of(1, 0xc1));
    a.bus.publish(`replica:${b.id}`, encodeFrame(a.id, 1, [{ kind: 'weather' }, null]));
    await fleet.run(50);
    expect(b.cluster.status.news.unknownItems - before).toBe(4);
    expect(b.cluster.status.news.unreadFrames).toBe(1);
    expect(b.cluster.status.questions.bad).toBe(1);
    expect(heardBy(b)).toEqual([]);
  });
});
