import { describe, expect, it } from 'vitest';
import { CLUSTER_TIMING } from '../../src/cluster/timing.ts';
import { Fleet } from './fleet.ts';

/** A beat that says so, a beat that hears of it, and the ways. */
const TOLD_MS = 2 * CLUSTER_TIMING.beatMs + 100;

describe('a replica that has lost its database', () => {
  it('R11: owns nothing while another one reaches it, is still there, and gets its zones back', async () => {
    const fleet = new Fleet();
    const [a, b, c] = await fleet.start('aaaaaaaa', 'bbbbbbbb', 'cccccccc');
    const before = [...a!.desk.zones];
    a!.canStore = false;
    await fleet.run(TOLD_MS);
    expect(a!.desk.zones).toEqual([]);
    expect(fleet.unserved([b!, c!])).toEqual([]);
    expect(a!.cluster.isFirst).toBe(false);
    expect(b!.cluster.status.members).toContain(a!.id);
    for (const { desk } of [a!, b!, c!]) expect(desk.gone).toEqual([]);
    a!.canStore = true;
    await fleet.run(TOLD_MS);
    expect(a!.desk.zones).toEqual(before);
    expect(fleet.unserved([a!, b!, c!])).toEqual([]);
  });

  it('keeps its zones when nobody else reaches it either', async () => {
    const fleet = new Fleet();
    const members = await fleet.start('aaaaaaaa', 'bbbbbbbb');
    for (const member of members) member.canStore = false;
    await fleet.run(TOLD_MS);
    expect(fleet.unserved(members)).toEqual([]);
    expect(members.every(({ desk }) => desk.zones.length > 0)).toBe(true);
  });
});
