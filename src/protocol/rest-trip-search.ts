import { Type } from 'typebox';
import { ACCOUNT_ID_PATTERN } from '../domain/ids.ts';
import { TRIP_STATUSES } from '../domain/trip.ts';
import { Maybe, oneOf, TripViewSchema, UUID_PATTERN } from './messages.ts';
import type { Operation } from './operation.ts';

/** Trips in one page. */
export const TRIP_PAGE_MAX = 100;

const Ms = Type.Integer({ minimum: 0, maximum: 8.64e15, description: 'Unix milliseconds' });
const AccountId = Type.String({ pattern: ACCOUNT_ID_PATTERN });

const TripPageSchema = Type.Object(
  {
    trips: Type.Array(TripViewSchema),
    next: Maybe(Type.String({ description: 'give it as `after` for the next page' })),
  },
  { $id: 'TripPage' },
);

/** Trips, as operators look for them. */
export const TRIP_SEARCH_OPERATIONS = {
  searchTrips: {
    method: 'get',
    path: '/v1/admin/trips',
    summary:
      'Trips by rider, driver, market, status and time of the request, the newest first; all that is given must fit. May lag by seconds.',
    permission: 'trip.search',
    rate: 'read',
    query: {
      riderId: Type.Optional(AccountId),
      driverId: Type.Optional(AccountId),
      marketId: Type.Optional(AccountId),
      status: Type.Optional(oneOf(TRIP_STATUSES, 'state of the trip')),
      fromMs: Type.Optional(Ms),
      toMs: Type.Optional(Ms),
      after: Type.Optional(Type.String({ pattern: UUID_PATTERN })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: TRIP_PAGE_MAX })),
    },
    status: 200,
    answer: TripPageSchema,
    example: { query: { status: 'completed', limit: '20' } },
  },
} as const satisfies Record<string, Operation>;
