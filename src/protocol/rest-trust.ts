import { Type, type Static } from 'typebox';
import { RATING_TAGS, type Stars } from '../domain/rating.ts';
import { TRIP_STATUSES } from '../domain/trip.ts';
import { VEHICLE_CLASSES } from '../domain/vehicle.ts';
import { Maybe, oneOf, PlaceSchema, UUID_PATTERN } from './messages.ts';
import type { Operation } from './operation.ts';

const Uuid = Type.String({ pattern: UUID_PATTERN });
const TripParams = { tripId: Uuid };

const RatingSchema = Type.Object(
  {
    stars: Type.Unsafe<Stars>(Type.Integer({ minimum: 1, maximum: 5 })),
    tags: Type.Array(oneOf(RATING_TAGS, 'what was good or bad'), { maxItems: RATING_TAGS.length }),
  },
  { $id: 'Rating', description: 'what one side of a trip says of the other' },
);
const RatingSumSchema = Type.Object(
  {
    ratings: Type.Integer({ minimum: 0 }),
    meanStars: Maybe(Type.Number({ minimum: 1, maximum: 5, description: 'null before the first rating' })),
  },
  { $id: 'RatingSum' },
);
const ShareSchema = Type.Object(
  { token: Type.String(), path: Type.String({ description: 'of the page’s data: GET it without a token' }) },
  { $id: 'Share' },
);
const TrackSchema = Type.Object(
  {
    status: oneOf(TRIP_STATUSES, 'state of the trip'),
    pickup: PlaceSchema,
    dropoff: PlaceSchema,
    vehicleClass: oneOf(VEHICLE_CLASSES, 'vehicle class'),
    driverAt: Maybe(PlaceSchema),
    etaS: Maybe(Type.Number({ description: 'seconds to the pickup, or to the dropoff once aboard' })),
  },
  { $id: 'Track', description: 'a trip as who was given its link may see it: nobody’s name or number' },
);

export type RatingBody = Static<typeof RatingSchema>;
/** What is said of and done about trips, beside driving them. */
export const TRUST_OPERATIONS = {
  rateTrip: {
    method: 'put',
    path: '/v1/trips/{tripId}/rating',
    summary: 'Rate the other side of a completed trip, within a week; again to change it.',
    permission: 'trip.rate',
    rate: 'write',
    params: TripParams,
    body: RatingSchema,
    status: 200,
    answer: RatingSchema,
    example: { body: { stars: 5, tags: ['friendly', 'clean'] } },
  },
  ownRating: {
    method: 'get',
    path: '/v1/rating',
    summary: 'How the account has been rated by the other side.',
    permission: 'trip.rate',
    rate: 'read',
    status: 200,
    answer: RatingSumSchema,
  },
  shareTrip: {
    method: 'put',
    path: '/v1/trips/{tripId}/share',
    summary:
      'A link by which anybody who has it follows the trip until it ends; the same one when asked again.',
    permission: 'trip.share',
    idempotent: 'never',
    rate: 'write',
    params: TripParams,
    status: 200,
    answer: ShareSchema,
  },
  unshareTrip: {
    method: 'delete',
    path: '/v1/trips/{tripId}/share',
    summary: 'End the trip’s link.',
    permission: 'trip.share',
    rate: 'write',
    params: TripParams,
    status: 204,
    answer: null,
  },
  track: {
    method: 'get',
    path: '/v1/track/{token}',
    summary: 'A shared trip as it stands now; not_found once it has ended.',
    permission: null,
    rate: 'read',
    params: { token: Type.String({ minLength: 1, maxLength: 64 }) },
    status: 200,
    answer: TrackSchema,
  },
} as const satisfies Record<string, Operation>;
