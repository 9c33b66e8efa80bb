import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/dispatch/desk.ts';
import type { RiderId } from '../../src/domain/ids.ts';
import type { RateLimits, RateRuleName } from '../../src/store/rate-limits.ts';
import { RequestRates } from '../../src/rest/request-rates.ts';

const rider = (id: string): Principal => ({ role: 'rider', riderId: id as RiderId });
const ACCOUNT = { perS: 10, burstMax: 40 };
const ADDRESS = { perS: 200, burstMax: 1_000 };

/** Counts for all replicas, as Redis does, and keeps who was asked for. */
class Shared implements RateLimits {
  readonly asked: [RateRuleName, string][] = [];
  waitMs = 0;

  take(rule: RateRuleName, key: string): Promise<number> {
    this.asked.push([rule, key]);
    return Promise.resolve(rule.endsWith(':account') ? this.waitMs : 0);
  }
}

function open(count: number) {
  const shared = new Shared();
  const town = { count };
  const rates = new RequestRates({
    ...{ account: ACCOUNT, address: ADDRESS, keysMax: 100 },
    ...{ shared, replicas: () => town.count },
  });
  return { rates, shared, town };
}

describe('rates of requests', () => {
  it('what signs in or writes is always asked for, by address and by account', async () => {
    const { rates, shared } = open(1);
    expect(await rates.takeShared('sign_in', '192.0.2.1', null, 0)).toBe(0);
    expect(await rates.takeShared('write', '192.0.2.1', rider('r'), 0)).toBe(0);
    expect(shared.asked).toEqual([
      ['sign_in:address', '192.0.2.1'],
      ['write:address', '192.0.2.1'],
      ['write:account', 'rider:r'],
    ]);
    shared.waitMs = 700;
    expect(await rates.takeShared('write', '192.0.2.1', rider('r'), 0)).toBe(700);
  });

  it('a read on the only replica is not asked for', () => {
    const { rates, shared } = open(1);
    for (let n = 0; n < 200; n++) expect(rates.takeShared('read', 'a', rider('r'), 0)).toBeNull();
    expect(shared.asked).toEqual([]);
  });

  it('R10: reads within a replica’s share are not asked for, all those above it are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 60 }), (count, reads) => {
        const { rates, shared } = open(count);
        for (let n = 0; n < reads; n++) void rates.takeShared('read', 'a', rider('r'), 0);
        const share = Math.floor(ACCOUNT.burstMax / count);
        expect(shared.asked).toHaveLength(Math.max(0, reads - share));
      }),
    );
  });

  it('shares follow the number of replicas', () => {
    const { rates, shared, town } = open(2);
    const askedFor = (reads: number, nowMs: number): number => {
      const before = shared.asked.length;
      for (let n = 0; n < reads; n++) void rates.takeShared('read', 'a', rider('r'), nowMs);
      return shared.asked.length - before;
    };
    expect(askedFor(21, 0)).toBe(1);
    town.count = 4;
    expect(askedFor(11, 1_000)).toBe(1);
    town.count = 1;
    expect(askedFor(50, 2_000)).toBe(0);
  });
});
