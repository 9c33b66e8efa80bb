import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Trace } from '../../../src/sim/city/trace.ts';
import { TraceBuilder, TraceCursor, positionAt, standingTrace } from '../../../src/sim/city/trace.ts';

const trace: Trace = {
  timesMs: Float64Array.of(1000, 2000, 10_000, 11_000),
  lats: Float64Array.of(10, 11, 20, 21),
  lngs: Float64Array.of(-1, -2, -10, -12),
  gapMsMax: 5000,
};

describe('positionAt', () => {
  it('is straight between fixes and exact on them', () => {
    expect(positionAt(trace, 1000)).toEqual({ lat: 10, lng: -1 });
    expect(positionAt(trace, 1250)).toEqual({ lat: 10.25, lng: -1.25 });
    expect(positionAt(trace, 10_500)).toEqual({ lat: 20.5, lng: -11 });
    expect(positionAt(trace, 11_000)).toEqual({ lat: 21, lng: -12 });
  });

  it('is null before, after and in a gap that is too long', () => {
    expect(positionAt(trace, 999)).toBeNull();
    expect(positionAt(trace, 11_001)).toBeNull();
    expect(positionAt(trace, 2000)).toEqual({ lat: 11, lng: -2 });
    expect(positionAt(trace, 2001)).toBeNull();
    expect(positionAt(trace, 9999)).toBeNull();
  });

  it('stands where it stands, however long', () => {
    const standing = standingTrace({ lat: 1, lng: 2 }, 0, 1e9);
    expect(positionAt(standing, 5e8)).toEqual({ lat: 1, lng: 2 });
    expect(positionAt(standing, 1e9 + 1)).toBeNull();
  });

  it('of an empty trace is null', () => {
    expect(positionAt(new TraceBuilder().build(1), 0)).toBeNull();
  });
});

describe('TraceCursor', () => {
  it('says what positionAt says, in any order of times', () => {
    const times = fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 100 })), times, (fixes, asked) => {
        const timesMs = Float64Array.from([...fixes].sort((a, b) => a - b));
        const some = { timesMs, lats: timesMs.map((t) => t / 2), lngs: timesMs.map((t) => -t), gapMsMax: 12 };
        const cursor = new TraceCursor(some);
        for (const timeMs of asked) expect(cursor.positionAt(timeMs)).toEqual(positionAt(some, timeMs));
      }),
    );
  });
});

describe('TraceBuilder', () => {
  it('leaves out a fix that is not later and one that no cab can reach, and finds the cab again', () => {
    const builder = new TraceBuilder();
    expect(builder.add(0, 37.7, -122.4)).toBe('kept');
    expect(builder.add(0, 37.7, -122.4)).toBe('sameTime');
    expect(builder.add(60_000, 37.8, -122.4)).toBe('impossibleSpeed'); // 11 km in a minute
    expect(builder.add(120_000, 37.701, -122.4)).toBe('kept');
    expect(builder.add(420_000, 37.8, -122.4)).toBe('kept'); // 11 km in five minutes
    expect(builder.length).toBe(3);
  });
});
