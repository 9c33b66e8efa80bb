import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DriverId } from '../../src/domain/ids.ts';
import { createGatewayCounters } from '../../src/gateway/counters.ts';
import { PingParking } from '../../src/gateway/ping-parking.ts';
import { FIX, FIX_WIDTH } from '../../src/protocol/fix-rows.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';

/** A frame: whose, and the times of its fixes. */
interface Frame {
  readonly driver: string;
  readonly atMs: readonly number[];
}

interface Taken {
  readonly driver: string;
  readonly atMs: number;
}

function lot(parkedMax: number, costMs = 0) {
  const clock = new VirtualClock(0);
  const counters = createGatewayCounters();
  const taken: Taken[] = [];
  let spentMs = 0;
  const desk = {
    pings(driverId: DriverId, rows: Float64Array, count: number) {
      expect(count).toBe(1);
      // The latitude tells whether the whole row was kept together.
      expect(rows[FIX.lat]).toBe(rows[FIX.atMs]! / 2);
      taken.push({ driver: driverId, atMs: rows[FIX.atMs]! });
      spentMs += costMs;
      return -1;
    },
  };
  const wallClock = {
    nowMs: () => clock.nowMs() + spentMs,
    after: (delayMs: number, fire: () => void) => clock.after(delayMs, fire),
    every: (periodMs: number, fire: () => void) => clock.every(periodMs, fire),
  };
  const parking = new PingParking({ desk, wallClock, counters, parkedMax });
  const buffer = new Float64Array(200 * FIX_WIDTH);
  const park = ({ driver, atMs }: Frame): void => {
    buffer.fill(-1);
    for (const [row, at] of atMs.entries()) {
      buffer[row * FIX_WIDTH + FIX.atMs] = at;
      buffer[row * FIX_WIDTH + FIX.lat] = at / 2;
    }
    parking.park(driver as DriverId, buffer, atMs.length);
    buffer.fill(-2);
  };
  const takeAll = (): void => {
    while (clock.fireNext(Infinity));
  };
  return { clock, counters, taken, park, takeAll };
}

const frames = fc.array(
  fc.record({
    driver: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    atMs: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 5 }),
  }),
  { maxLength: 60 },
);

describe('parked pings', () => {
  it('are the newest of each driver; all others are counted as shed', () => {
    fc.assert(
      fc.property(frames, (sent) => {
        const { counters, taken, park, takeAll } = lot(10);
        for (const frame of sent) park(frame);
        takeAll();
        const newest = new Map<string, number>();
        for (const { driver, atMs } of sent) newest.set(driver, Math.max(newest.get(driver) ?? 0, ...atMs));
        // A map keeps who came first in front.
        expect(taken).toEqual([...newest].map(([driver, atMs]) => ({ driver, atMs })));
        const all = sent.reduce((sum, { atMs }) => sum + atMs.length, 0);
        expect(counters).toMatchObject({ pingsShed: all - taken.length, pingsParked: 0 });
      }),
    );
  });

  it('R10: never are more than parkedMax; the driver who came first goes, and none is lost uncounted', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean()), (sent, max, takes) => {
        const { counters, taken, park, clock, takeAll } = lot(max);
        for (const [at, frame] of sent.entries()) {
          park(frame);
          expect(counters.pingsParked).toBeLessThanOrEqual(max);
          if (takes[at] === true) clock.fireNext(clock.nowMs() + 50);
        }
        takeAll();
        const all = sent.reduce((sum, { atMs }) => sum + atMs.length, 0);
        expect(taken.length + counters.pingsShed).toBe(all);
      }),
    );
  });

  it('are taken for a few milliseconds at a time, first come first served, until none is left', () => {
    const { counters, taken, park, clock, takeAll } = lot(1_000, 0.5);
    const drivers = Array.from({ length: 300 }, (_, i) => `driver-${i}`);
    for (const driver of drivers) park({ driver, atMs: [10] });
    clock.fireNext(50);
    // Half a millisecond each, ten milliseconds, a look at the stopwatch every 64.
    expect(taken).toHaveLength(64);
    expect(counters.pingsParked).toBe(236);
    park({ driver: 'driver-0', atMs: [20] });
    takeAll();
    expect(taken.map(({ driver }) => driver)).toEqual([...drivers, 'driver-0']);
    expect(counters).toMatchObject({ pingsParked: 0, pingsShed: 0 });
  });
});
