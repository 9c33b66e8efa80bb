import { Type } from 'typebox';
import { AREA_CORNERS_MAX } from '../domain/area.ts';
import { MATCH_MODES } from '../domain/market.ts';
import { VEHICLE_CLASSES } from '../domain/vehicle.ts';
import { Maybe, oneOf, PlaceSchema } from './messages.ts';

const positive = Type.Number({ exclusiveMinimum: 0 });
/** Minor units; a million dollars is no fare. */
const amount = Type.Integer({ minimum: 0, maximum: 100_000_000 });
const Name = Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]{1,64}$' });
const Area = Type.Array(PlaceSchema, {
  minItems: 3,
  maxItems: AREA_CORNERS_MAX,
  description: 'corners in order, the last joined to the first',
});

const FareTableSchema = Type.Object(
  { baseMinor: amount, perKmMinor: amount, perMinuteMinor: amount, minimumMinor: amount },
  { $id: 'FareTable', description: 'minor units of the currency' },
);

const DistrictSchema = Type.Object(
  {
    name: Name,
    area: Area,
    pickupFeeMinor: amount,
    dropoffFeeMinor: amount,
    isPickupForbidden: Type.Boolean(),
  },
  { $id: 'District' },
);

const TollSchema = Type.Object(
  { name: Name, from: Area, to: Area, amountMinor: amount },
  { $id: 'Toll', description: 'for ways from one area to another' },
);

const MatchPolicySchema = Type.Object(
  {
    mode: oneOf(MATCH_MODES, 'how requests and drivers are brought together'),
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
  },
  { $id: 'MatchPolicy' },
);

/** A market's settings, as a file has them; what a schema cannot say is in domain/market-problem.ts. */
export const MarketSchema = Type.Object(
  {
    marketId: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
    bounds: Type.Object({
      south: Type.Number({ minimum: -90, maximum: 90 }),
      west: Type.Number({ minimum: -180, maximum: 180 }),
      north: Type.Number({ minimum: -90, maximum: 90 }),
      east: Type.Number({ minimum: -180, maximum: 180 }),
    }),
    timeZone: Type.String({ minLength: 1, maxLength: 64 }),
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
    fares: Type.Object(
      Object.fromEntries(VEHICLE_CLASSES.map((name) => [name, Type.Optional(FareTableSchema)])),
    ),
    driveSpeed: Type.Object({
      detourFactor: Type.Number({ minimum: 1, maximum: 5 }),
      speedMpsByHour: Type.Array(positive, { minItems: 24, maxItems: 24 }),
      motorwayFromM: positive,
      motorwaySpeedMps: positive,
    }),
    match: MatchPolicySchema,
    noShowMs: Type.Integer({ minimum: 0 }),
    charges: Type.Object({
      cashStepMinor: Type.Integer({ minimum: 1, maximum: 10_000 }),
      cancellationFeeMinor: amount,
      cancellationFreeMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
      noShowFeeMinor: amount,
    }),
    area: Maybe(Area),
    districts: Type.Array(DistrictSchema, { maxItems: 100 }),
    tolls: Type.Array(TollSchema, { maxItems: 100 }),
  },
  { $id: 'Market', description: 'amounts are minor units of the currency; area: null for all of the bounds' },
);
