import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellAt, gridDisk, type Zone } from '../../src/domain/cell.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';
import { createOwnership } from '../../src/cluster/ownership.ts';

const ZONES: Zone[] = gridDisk(cellAt(37.77, -122.42, 6), 58).slice(0, 10_000);
const replicaId = fc
  .stringMatching(/^[a-z0-9]{8,12}$/)
  .filter((id) => id.length >= 8)
  .map((id) => id as ReplicaId);
const members = fc.uniqueArray(replicaId, { minLength: 1, maxLength: 12 });
const someZones = ZONES.filter((_, i) => i % 40 === 0);

describe('ownership of zones', () => {
  it('is the same on all replicas, whatever order they know each other in', () => {
    fc.assert(
      fc.property(members, fc.nat(), (ids, turn) => {
        const shuffled = [...ids.slice(turn % ids.length), ...ids.slice(0, turn % ids.length)].reverse();
        const [a, b] = [createOwnership(ids), createOwnership([...shuffled, ...shuffled])];
        for (const zone of someZones) {
          if (b.ownerOf(zone) !== a.ownerOf(zone)) expect.fail(`two owners of ${zone}`);
          if (!ids.includes(a.ownerOf(zone)!)) expect.fail(`a stranger owns ${zone}`);
        }
      }),
    );
  });

  it('moves, when one comes or goes, only zones to it or from it', () => {
    fc.assert(
      fc.property(members, replicaId, (ids, comer) => {
        const before = createOwnership(ids.filter((id) => id !== comer));
        const after = createOwnership([...ids, comer]);
        for (const zone of someZones) {
          const [from, to] = [before.ownerOf(zone), after.ownerOf(zone)];
          if (from !== to) expect(to).toBe(comer);
        }
      }),
    );
  });

  it('is balanced: of 10,000 zones nobody has a share far from the mean', () => {
    for (const count of [2, 3, 5, 10]) {
      for (const name of ['r', 'replica000', 'zzzzzzzz']) {
        const ids = Array.from({ length: count }, (_, i) => `${name}${i}` as ReplicaId);
        const ownership = createOwnership(ids);
        const shares = new Map(ids.map((id) => [id, 0]));
        for (const zone of ZONES)
          shares.set(ownership.ownerOf(zone)!, shares.get(ownership.ownerOf(zone)!)! + 1);
        const mean = ZONES.length / count;
        // Five standard deviations of a fair draw.
        const bound = 5 * Math.sqrt(mean * (1 - 1 / count));
        for (const share of shares.values()) expect(Math.abs(share - mean)).toBeLessThan(bound);
      }
    }
  });

  it('does not give neighbouring zones to one owner more often than chance', () => {
    const ids = ['aaaaaaaa', 'aaaaaaab', 'aaaaaaac'] as ReplicaId[];
    const ownership = createOwnership(ids);
    let same = 0;
    for (const zone of someZones) {
      const near = gridDisk(zone, 1)[1]!;
      if (ownership.ownerOf(zone) === ownership.ownerOf(near)) same++;
    }
    expect(Math.abs(same / someZones.length - 1 / 3)).toBeLessThan(0.15);
  });

  it('has nobody to name when there are no members', () => {
    expect(createOwnership([]).ownerOf(ZONES[0]!)).toBeNull();
  });
});
