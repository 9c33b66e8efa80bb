import { describe, expect, it } from 'vitest';
import { DutyEndings } from '../../src/accounts/duty-endings.ts';
import { accepted, rejected } from '../../src/domain/rejection.ts';

function setUp() {
  const busy = new Set<string>();
  const taken: string[] = [];
  const endings = new DutyEndings(async (driverId) => {
    if (busy.has(driverId)) return rejected('driver_busy');
    taken.push(driverId);
    return accepted(null);
  });
  return { busy, taken, endings, sweep: () => endings.sweep(async (driverId) => driverId !== 'forgiven') };
}

describe('the end of a duty', () => {
  it('comes at once, or with the end of the trip, once', async () => {
    const { busy, taken, endings, sweep } = setUp();
    busy.add('b');
    for (const driverId of ['a', 'b']) await endings.end(driverId);
    await sweep();
    expect(taken).toEqual(['a']);
    busy.clear();
    await sweep();
    await sweep();
    expect(taken).toEqual(['a', 'b']);
  });

  it('does not come to who may drive again by then', async () => {
    const { busy, taken, endings, sweep } = setUp();
    busy.add('forgiven');
    await endings.end('forgiven');
    await sweep();
    busy.clear();
    await sweep();
    expect(taken).toEqual([]);
  });

  it('R10: waits for at most ten thousand, the newest', async () => {
    const { busy, taken, endings, sweep } = setUp();
    for (let n = 0; n <= 10_000; n++) {
      busy.add(`d${n}`);
      await endings.end(`d${n}`);
    }
    busy.clear();
    await sweep();
    expect([taken.length, taken[0]]).toEqual([10_000, 'd1']);
  });
});
