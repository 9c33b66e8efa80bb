import { readFileSync } from 'node:fs';
import { ConfigError } from './config.ts';
import type { MarketId } from './domain/ids.ts';
import { DEFAULT_MATCH_POLICY, type Market, PLAIN_MARKET } from './domain/market.ts';
import { marketProblem } from './domain/market-problem.ts';
import { MarketSchema } from './protocol/market-schema.ts';
import { compileCheck } from './protocol/schema-check.ts';
import { SF_FIGURES } from './sim/city/sf-figures.ts';
import { SF_SERVICE_AREA, SF_TIME_ZONE } from './sim/city/san-francisco.ts';

const checkMarket = compileCheck(MarketSchema);

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

/** Reads a market; a ConfigError says what is wrong with the file. What is left out of `match` and `charges`, and of the rules of places, is PLAIN_MARKET's or the default. */
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
  const read = checked.value as unknown as Market;
  const problem = marketProblem(read);
  if (problem !== null) throw new ConfigError(`The market file ${file}: ${problem}.`);
  return read;
}

function withDefaults(parsed: unknown): unknown {
  if (parsed === null || typeof parsed !== 'object') return parsed;
  const { match, charges }: { match?: unknown; charges?: unknown } = parsed;
  return {
    ...PLAIN_MARKET,
    ...parsed,
    match: { ...DEFAULT_MATCH_POLICY, ...(match as object | null) },
    charges: { ...PLAIN_MARKET.charges, ...(charges as object | null) },
  };
}
