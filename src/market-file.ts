import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { ConfigError } from './config.ts';
import type { MarketId } from './domain/ids.ts';
import { DEFAULT_MATCH_POLICY, MATCH_MODES, type Market, PLAIN_MARKET } from './domain/market.ts';
import { VEHICLE_CLASSES } from './domain/vehicle.ts';
import { compileCheck } from './protocol/schema-check.ts';
import { SF_FIGURES } from './sim/city/sf-figures.ts';
import { SF_SERVICE_AREA, SF_TIME_ZONE } from './sim/city/san-francisco.ts';

const positive = Type.Number({ exclusiveMinimum: 0 });
const amount = Type.Integer({ minimum: 0 });
const Fares = Type.Object({
  baseMinor: amount,
  perKmMinor: amount,
  perMinuteMinor: amount,
  minimumMinor: amount,
});

const checkMarket = compileCheck(
  Type.Object({
    marketId: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
    bounds: Type.Object({
      south: Type.Number({ minimum: -90, maximum: 90 }),
      west: Type.Number({ minimum: -180, maximum: 180 }),
      north: Type.Number({ minimum: -90, maximum: 90 }),
      east: Type.Number({ minimum: -180, maximum: 180 }),
    }),
    timeZone: Type.String({ minLength: 1 }),
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
    fares: Type.Object(Object.fromEntries(VEHICLE_CLASSES.map((name) => [name, Type.Optional(Fares)]))),
    driveSpeed: Type.Object({
      detourFactor: Type.Number({ minimum: 1, maximum: 5 }),
      speedMpsByHour: Type.Array(positive, { minItems: 24, maxItems: 24 }),
      motorwayFromM: positive,
      motorwaySpeedMps: positive,
    }),
    match: Type.Object({
      mode: Type.Enum([...MATCH_MODES]),
      tickMs: Type.Integer({ minimum: 20, maximum: 60_000 }),
      windowMsMax: Type.Integer({ minimum: 0, maximum: 60_000 }),
      horizonS: Type.Number({ minimum: 0, maximum: 900 }),
      dropoffS: Type.Number({ minimum: 0, maximum: 900 }),
      offerTtlMs: Type.Integer({ minimum: 1_000, maximum: 120_000 }),
      requestTtlMs: Type.Integer({ minimum: 1_000, maximum: 7_200_000 }),
      radiusM: positive,
      radiusMMax: Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }),
      candidatesMax: Type.Integer({ minimum: 1, maximum: 200 }),
      broadcastWidth: Type.Integer({ minimum: 1, maximum: 20 }),
      starvationMs: Type.Integer({ minimum: 0 }),
      fairnessSPerIdleHour: Type.Number({ minimum: 0 }),
      fairnessSMax: Type.Number({ minimum: 0 }),
    }),
    noShowMs: Type.Integer({ minimum: 0 }),
    charges: Type.Object({
      cashStepMinor: Type.Integer({ minimum: 1, maximum: 10_000 }),
      cancellationFeeMinor: amount,
      cancellationFreeMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
      noShowFeeMinor: amount,
    }),
  }),
);

/** San Francisco with figures fitted to its cabs, for a server that was told of no other market. */
export const DEFAULT_MARKET: Market = {
  ...PLAIN_MARKET,
  marketId: 'san-francisco' as MarketId,
  bounds: SF_SERVICE_AREA,
  timeZone: SF_TIME_ZONE,
  currency: 'USD',
  fares: { economy: { baseMinor: 350, perKmMinor: 170, perMinuteMinor: 55, minimumMinor: 700 } },
  driveSpeed: SF_FIGURES.speed,
  match: DEFAULT_MATCH_POLICY,
  noShowMs: 300_000,
};

/** Reads a market; a ConfigError says what is wrong with the file. Fields of `match` and `charges` that are left out have their defaults. */
export function readMarket(file: string): Market {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`The market file ${file} cannot be read as JSON.`, { cause });
  }
  const market = withDefaults(parsed);
  const checked = checkMarket(market);
  if (!checked.ok) throw new ConfigError(`The market file ${file}: ${checked.detail ?? checked.code}.`);
  // The schema says the same as the type, but for the brand of the id.
  return checked.value as unknown as Market;
}

function withDefaults(parsed: unknown): unknown {
  if (parsed === null || typeof parsed !== 'object') return parsed;
  const { match, charges }: { match?: unknown; charges?: unknown } = parsed;
  return {
    ...parsed,
    match: { ...DEFAULT_MATCH_POLICY, ...(match as object | null) },
    charges: { ...PLAIN_MARKET.charges, ...(charges as object | null) },
  };
}
