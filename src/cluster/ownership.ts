import type { Zone } from '../domain/cell.ts';
import type { ReplicaId } from '../domain/ids.ts';

/** Who owns which zone, given who is alive: the same on every replica that knows the same members. */
export interface Ownership {
  /** Null only when there are no members. */
  ownerOf(zone: Zone): ReplicaId | null;
}

/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): each member has a weight for each zone, and the heaviest owns it. So a zone
 * changes hands only when its owner goes or a heavier member comes: adding one of n moves 1/n of the zones, all to it.
 * Members in any order; a zone's owner is worked out once and kept (markets' zones: bounded by them).
 */
export function createOwnership(members: readonly ReplicaId[]): Ownership {
  const contenders = [...new Set(members)]
    .sort()
    .map((replicaId) => ({ replicaId, seed: seedOf(replicaId) }));
  const owners = new Map<Zone, ReplicaId>();
  const elect = (zone: Zone): ReplicaId | null => {
    let owner: ReplicaId | null = null;
    let heaviest = -1;
    for (const { replicaId, seed } of contenders) {
      const weight = weightOf(zone, seed);
      // Equal weights, one in 2^53, go to the lower id: the first in order.
      if (weight <= heaviest) continue;
      heaviest = weight;
      owner = replicaId;
    }
    return owner;
  };
  return {
    ownerOf(zone) {
      const known = owners.get(zone);
      if (known !== undefined) return known;
      const owner = elect(zone);
      if (owner !== null && owners.size < OWNERS_MAX) owners.set(zone, owner);
      return owner;
    },
  };
}

/** Owners kept; beyond it they are worked out each time (a microsecond for three replicas). */
const OWNERS_MAX = 100_000;

interface Seed {
  readonly low: number;
  readonly high: number;
}

/** 64 bits of an id: FNV-1a from two starts (the second is its own offset basis, mixed), 32 bits each. */
function seedOf(replicaId: ReplicaId): Seed {
  let low = 0x811c9dc5;
  let high = 0x9dc5811c;
  for (let i = 0; i < replicaId.length; i++) {
    low = Math.imul(low ^ replicaId.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ replicaId.charCodeAt(i), 0x85ebca6b);
  }
  return { low: mix(low), high: mix(high ^ low) };
}

/** 53 bits, as many as a double holds exactly. Both halves of the zone's 52 bits go through the mixer for both words. */
function weightOf(zone: Zone, { low, high }: Seed): number {
  const zoneLow = zone | 0;
  const zoneHigh = (zone / 2 ** 32) | 0;
  const a = mix(mix(low ^ zoneHigh) ^ zoneLow);
  const b = mix(mix(high ^ zoneLow) ^ zoneHigh ^ a);
  return (a >>> 0) * 2 ** 21 + (b >>> 11);
}

/**
 * The finalizer of MurmurHash3 for 32 bits (Austin Appleby, public domain,
 * https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp, `fmix32`): every bit in changes every bit out with
 * probability 1/2 to within a few per cent.
 */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
