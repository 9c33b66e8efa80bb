import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DEFAULT_MARKET, readMarket } from '../src/market-file.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-market-'));
afterAll(() => rmSync(dir, { recursive: true }));
const read = (settings: object): ReturnType<typeof readMarket> => {
  const file = path.join(dir, 'market.json');
  writeFileSync(file, JSON.stringify(settings));
  return readMarket(file);
};

const { bounds } = DEFAULT_MARKET;
const CORNERS = [
  { lat: bounds.south, lng: bounds.west },
  { lat: bounds.south, lng: bounds.east },
  { lat: bounds.north, lng: bounds.east },
];
const DISTRICT = {
  ...{ name: 'airport', area: CORNERS, pickupFeeMinor: 1, dropoffFeeMinor: 0, isPickupForbidden: false },
};

describe('a market file', () => {
  it('may leave out what a plain market has', () => {
    const given = ['marketId', 'bounds', 'timeZone', 'currency', 'fares', 'driveSpeed', 'noShowMs'];
    const plain = Object.fromEntries(Object.entries(DEFAULT_MARKET).filter(([name]) => given.includes(name)));
    const whole = read(DEFAULT_MARKET);
    expect(read(plain)).toEqual(whole);
    expect(read({ ...plain, match: { mode: 'fifo' }, charges: { cashStepMinor: 5 } })).toEqual({
      ...whole,
      match: { ...whole.match, mode: 'fifo' },
      charges: { ...whole.charges, cashStepMinor: 5 },
    });
  });

  it.each([
    [{ currency: 'ZZZ' }, 'currency: ZZZ is none that ISO 4217 knows'],
    [{ timeZone: 'Mars/Olympus' }, 'timeZone: there is no Mars/Olympus'],
    [{ fares: {} }, 'fares: at least one vehicle class is needed'],
    [{ bounds: { ...bounds, south: 80 } }, 'bounds: south must be below north, and west of east'],
    [
      { match: { ...DEFAULT_MARKET.match, radiusMMax: 1 } },
      'match: radiusM must not be larger than radiusMMax',
    ],
    [{ area: [...CORNERS, { lat: 0, lng: 0 }] }, 'area: corner 4 lies outside the bounds'],
    [
      { districts: [{ ...DISTRICT, area: [CORNERS[0], CORNERS[0], CORNERS[1]] }] },
      'district airport has nothing inside',
    ],
    [{ districts: [DISTRICT, DISTRICT] }, 'districts: the name airport is there twice'],
  ])('with %j says: %s', (changed, sentence) => {
    expect(() => read({ ...DEFAULT_MARKET, ...changed })).toThrow(sentence);
  });

  it('names the field that does not fit', () => {
    expect(() => read({ ...DEFAULT_MARKET, districts: [{ ...DISTRICT, pickupFeeMinor: -1 }] })).toThrow(
      /districts.*pickupFeeMinor/,
    );
  });
});
