import { Type, type Static } from 'typebox';
import { ACCOUNT_ID_PATTERN } from '../domain/ids.ts';
import { RATING_TAGS, type Stars } from '../domain/rating.ts';
import { TRIP_STATUSES } from '../domain/trip.ts';
import { VEHICLE_CLASSES } from '../domain/vehicle.ts';
import { Maybe, oneOf, PlaceSchema, ReasonSchema, UUID_PATTERN } from './messages.ts';
import type { Operation } from './operation.ts';

const Uuid = Type.String({ pattern: UUID_PATTERN });
const Ms = Type.Integer({ minimum: 0, description: 'Unix milliseconds' });
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
const SosRaiseSchema = Type.Object({ tripId: Maybe(Uuid), place: Maybe(PlaceSchema) }, { $id: 'SosRaise' });
const SosHandleSchema = Type.Object(
  { note: Maybe(ReasonSchema) },
  { $id: 'SosHandle', description: 'note: what was done; nobody’s name or number' },
);
const SosSchema = Type.Object(
  {
    sosId: Uuid,
    role: oneOf(['rider', 'driver'], 'who called'),
    accountId: Type.String(),
    tripId: Maybe(Uuid),
    place: Maybe(PlaceSchema),
    raisedMs: Ms,
    handledBy: Maybe(Type.String()),
    handledMs: Maybe(Ms),
    note: Maybe(Type.String()),
  },
  { $id: 'Sos', description: 'a call for help' },
);
const SosPageSchema = Type.Object(
  {
    calls: Type.Array(SosSchema),
    next: Maybe(Type.String({ description: 'give it as `after` for the next page' })),
  },
  { $id: 'SosPage' },
);

const SuspicionsSchema = Type.Object(
  {
    isSuspect: Type.Boolean({ description: 'kept off duty now' }),
    suspicions: Type.Array(
      Type.Object(
        {
          sinceMs: Ms,
          untilMs: Ms,
          refused: Type.Integer({ minimum: 0, description: 'fixes nobody could have driven to' }),
          jumps: Type.Integer({ minimum: 0, description: 'jumps that later fixes confirmed' }),
          isMock: Type.Boolean({ description: 'the device said so itself' }),
          liftedBy: Maybe(Type.String()),
        },
        { $id: 'Suspicion' },
      ),
    ),
  },
  { $id: 'Suspicions', description: 'when a driver’s places were not believed, and why; the newest first' },
);

export type RatingBody = Static<typeof RatingSchema>;
export type SosRaise = Static<typeof SosRaiseSchema>;
export type SosHandle = Static<typeof SosHandleSchema>;
export type SosView = Static<typeof SosSchema>;

/** Calls in one page. */
export const SOS_PAGE_MAX = 100;

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
  raiseSos: {
    method: 'post',
    path: '/v1/sos',
    summary: 'Call for help; answered once stored, and operators told.',
    permission: 'sos.raise',
    rate: 'write',
    idempotent: true,
    body: SosRaiseSchema,
    status: 201,
    answer: SosSchema,
    example: { body: { tripId: null, place: { lat: 37.77, lng: -122.41 } } },
  },
  sosCalls: {
    method: 'get',
    path: '/v1/admin/sos',
    summary: 'Calls for help, oldest first: those not handled yet, or all.',
    permission: 'sos.handle',
    rate: 'read',
    query: {
      state: Type.Optional(oneOf(['open', 'all'], 'those not handled yet, which is the default, or all')),
      after: Type.Optional(Type.String({ maxLength: 80 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: SOS_PAGE_MAX })),
    },
    status: 200,
    answer: SosPageSchema,
    example: { query: { state: 'open', limit: '20' } },
  },
  handleSos: {
    method: 'put',
    path: '/v1/admin/sos/{sosId}/handled',
    summary: 'Mark a call as handled; who was first stays.',
    permission: 'sos.handle',
    rate: 'write',
    params: { sosId: Uuid },
    body: SosHandleSchema,
    status: 200,
    answer: SosSchema,
    example: { body: { note: 'called back, all is well' } },
  },
  driverSuspicions: {
    method: 'get',
    path: '/v1/admin/drivers/{driverId}/suspicions',
    summary: 'Why a driver is, or was, kept off duty for places that cannot be believed.',
    permission: 'driver.review',
    rate: 'read',
    params: { driverId: Type.String({ pattern: ACCOUNT_ID_PATTERN }) },
    status: 200,
    answer: SuspicionsSchema,
  },
  liftSuspicions: {
    method: 'delete',
    path: '/v1/admin/drivers/{driverId}/suspicions',
    summary: 'Believe the driver’s places again at once.',
    permission: 'driver.review',
    rate: 'write',
    params: { driverId: Type.String({ pattern: ACCOUNT_ID_PATTERN }) },
    status: 204,
    answer: null,
  },
} as const satisfies Record<string, Operation>;
