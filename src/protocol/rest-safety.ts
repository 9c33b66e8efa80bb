import { Type, type Static } from 'typebox';
import { ACCOUNT_ID_PATTERN } from '../domain/ids.ts';
import { Maybe, oneOf, PlaceSchema, ReasonSchema, UUID_PATTERN } from './messages.ts';
import type { Operation } from './operation.ts';

const Uuid = Type.String({ pattern: UUID_PATTERN });
const Ms = Type.Integer({ minimum: 0, description: 'Unix milliseconds' });
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

export type SosRaise = Static<typeof SosRaiseSchema>;
export type SosHandle = Static<typeof SosHandleSchema>;
export type SosView = Static<typeof SosSchema>;

/** Calls in one page. */
export const SOS_PAGE_MAX = 100;

/** Calls for help, and drivers whose places are not believed. */
export const SAFETY_OPERATIONS = {
  raiseSos: {
    method: 'post',
    path: '/v1/sos',
    summary: 'Call for help; answered once stored, and operators told.',
    permission: 'sos.raise',
    rate: 'write',
    idempotent: 'command',
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
