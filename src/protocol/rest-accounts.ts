import { Type, type Static } from 'typebox';
import { APPROVAL_STATES } from '../domain/driver-approval.ts';
import { ACCOUNT_ID_PATTERN } from '../domain/ids.ts';
import { SEATS_MAX, VEHICLE_CLASSES } from '../domain/vehicle.ts';
import { Maybe, oneOf, ReasonSchema, UUID_PATTERN } from './messages.ts';
import type { Operation } from './operation.ts';
import { TokensSchema } from './session-tokens.ts';

const Ms = Type.Integer({ minimum: 0, description: 'Unix milliseconds' });
const PhoneText = Type.String({ pattern: '^\\+[0-9 ().-]{7,24}$', description: 'with + and country code' });
const Kind = oneOf(['rider', 'driver'], 'which of the apps');
/** Text that people write, on one line. */
const line = (max: number, description: string) =>
  Type.String({ pattern: `^[^\\u0000-\\u001f\\u007f]{1,${max}}$`, description });

const CodeRequestSchema = Type.Object({ phone: PhoneText, kind: Kind }, { $id: 'CodeRequest' });
const CodeSentSchema = Type.Object({ expiresMs: Ms }, { $id: 'CodeSent' });
const SignInSchema = Type.Object(
  {
    phone: PhoneText,
    kind: Kind,
    code: Type.String({ pattern: '^[0-9]{6}$' }),
    device: line(80, 'what its owner calls the device, for the list of sessions'),
  },
  { $id: 'SignIn' },
);
const SignedInSchema = Type.Object(
  { accountId: Type.String(), isNew: Type.Boolean(), tokens: TokensSchema },
  { $id: 'SignedIn' },
);
const RefreshSchema = Type.Object({ refreshToken: Type.String({ maxLength: 200 }) }, { $id: 'Refresh' });
const SessionSchema = Type.Object(
  {
    sessionId: Type.String(),
    device: Type.String(),
    address: Type.String(),
    createdMs: Ms,
    seenMs: Ms,
    isThis: Type.Boolean({ description: 'the one that asks' }),
  },
  { $id: 'Session' },
);
const SessionsSchema = Type.Object({ sessions: Type.Array(SessionSchema) }, { $id: 'Sessions' });
const CarFields = {
  vehicleClass: oneOf(VEHICLE_CLASSES, 'vehicle class'),
  seats: Type.Integer({ minimum: 1, maximum: SEATS_MAX, description: 'seats for riders' }),
  model: line(80, 'make and model'),
  colour: line(40, 'as one would say it'),
  plate: line(20, 'licence plate'),
};
const CarSchema = Type.Object(CarFields, { $id: 'Car' });
const ApprovalSchema = Type.Object(
  {
    ...CarFields,
    state: oneOf(APPROVAL_STATES, 'state of the application'),
    reason: Maybe(Type.String({ description: 'why it was rejected or suspended' })),
    changedMs: Ms,
  },
  { $id: 'Approval' },
);
const AccountSchema = Type.Object(
  {
    accountId: Type.String(),
    kind: Kind,
    state: oneOf(['active', 'suspended', 'erased'], 'state of the account'),
    phone: Maybe(Type.String()),
    name: Maybe(Type.String()),
    createdMs: Ms,
    approval: Maybe(ApprovalSchema),
  },
  { $id: 'Account' },
);
const AccountChangeSchema = Type.Object(
  { name: line(80, 'as others are to see it') },
  { $id: 'AccountChange' },
);
const AccountRowSchema = Type.Object(
  { accountId: Type.String(), state: Type.String(), createdMs: Ms },
  { $id: 'AccountRow' },
);
const AccountPageSchema = Type.Object(
  { accounts: Type.Array(AccountRowSchema), next: Maybe(Type.String({ description: 'give it as `after`' })) },
  { $id: 'AccountPage' },
);
const ApplicationPageSchema = Type.Object(
  {
    applications: Type.Array(
      Type.Object(
        {
          driverId: Type.String(),
          vehicleClass: CarFields.vehicleClass,
          model: Type.String(),
          changedMs: Ms,
        },
        { $id: 'Application' },
      ),
    ),
    next: Maybe(Type.String({ description: 'give it as `after`' })),
  },
  { $id: 'ApplicationPage' },
);
const DecisionSchema = Type.Object(
  {
    decision: oneOf(['approve', 'reject', 'suspend', 'reinstate'], 'what becomes of the application'),
    reason: Maybe(ReasonSchema),
  },
  { $id: 'Decision', description: 'the reason is shown to the driver' },
);

const PersonSearchSchema = Type.Object({ phone: PhoneText }, { $id: 'PersonSearch' });

export type PersonSearch = Static<typeof PersonSearchSchema>;
export type CodeRequest = Static<typeof CodeRequestSchema>;
export type SignInBody = Static<typeof SignInSchema>;
export type RefreshBody = Static<typeof RefreshSchema>;
export type CarBody = Static<typeof CarSchema>;
export type AccountChange = Static<typeof AccountChangeSchema>;
export type DecisionBody = Static<typeof DecisionSchema>;

/** Accounts in one page. */
export const ACCOUNT_PAGE_MAX = 100;
const AccountParams = { accountId: Type.String({ pattern: ACCOUNT_ID_PATTERN }) };
const KindParams = { kind: Kind, ...AccountParams };
const PageQuery = {
  after: Type.Optional(Type.String({ maxLength: 100 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: ACCOUNT_PAGE_MAX })),
};
const PHONE = '+14155550123';

/** Signing in, one's own account and sessions, and everybody's for operators. */
export const ACCOUNT_OPERATIONS = {
  requestCode: {
    method: 'post',
    path: '/v1/sign-in/code',
    summary: 'Send a sign-in code to a phone; the answer is the same whether there is an account or not.',
    permission: null,
    rate: 'sign_in',
    body: CodeRequestSchema,
    status: 202,
    answer: CodeSentSchema,
    example: { body: { phone: PHONE, kind: 'rider' } },
  },
  signIn: {
    method: 'post',
    path: '/v1/sign-in',
    summary: 'A session for the code; an account too, where there was none.',
    permission: null,
    rate: 'sign_in',
    body: SignInSchema,
    status: 200,
    answer: SignedInSchema,
    example: { body: { phone: PHONE, kind: 'rider', code: '123456', device: 'Ann’s phone' } },
  },
  refresh: {
    method: 'post',
    path: '/v1/tokens/refresh',
    summary:
      'The next two tokens. Within seconds the same answer again; later the session ends, for the token was stolen.',
    permission: null,
    rate: 'sign_in',
    body: RefreshSchema,
    status: 200,
    answer: TokensSchema,
    example: { body: { refreshToken: 'as it was given' } },
  },
  sessions: {
    method: 'get',
    path: '/v1/sessions',
    summary: 'Where the account is signed in.',
    permission: 'session.read',
    rate: 'read',
    status: 200,
    answer: SessionsSchema,
  },
  endSession: {
    method: 'delete',
    path: '/v1/sessions/{sessionId}',
    summary: 'Sign out there: its tokens are refused and its sockets closed at once.',
    permission: 'session.revoke',
    rate: 'write',
    params: { sessionId: Type.String({ pattern: UUID_PATTERN }) },
    status: 204,
    answer: null,
  },
  account: {
    method: 'get',
    path: '/v1/account',
    summary: 'One’s own account.',
    permission: 'account.read',
    rate: 'read',
    status: 200,
    answer: AccountSchema,
  },
  changeAccount: {
    method: 'patch',
    path: '/v1/account',
    summary: 'Change one’s name.',
    permission: 'account.change',
    rate: 'write',
    body: AccountChangeSchema,
    status: 200,
    answer: AccountSchema,
    example: { body: { name: 'Ann' } },
  },
  submitCar: {
    method: 'put',
    path: '/v1/account/car',
    summary: 'Describe the car one drives, to be approved; ends the duty until then.',
    permission: 'duty.change',
    rate: 'write',
    body: CarSchema,
    status: 200,
    answer: AccountSchema,
    example: {
      body: { vehicleClass: 'economy', seats: 4, model: 'Toyota Prius', colour: 'white', plate: '7ABC123' },
    },
  },
  people: {
    method: 'get',
    path: '/v1/admin/accounts/{kind}',
    summary: 'Riders or drivers, the newest first, without names and numbers.',
    permission: 'person.search',
    rate: 'read',
    params: { kind: Kind },
    query: PageQuery,
    status: 200,
    answer: AccountPageSchema,
    example: { query: { limit: '20' } },
  },
  findPerson: {
    method: 'post',
    path: '/v1/admin/accounts/{kind}/search',
    summary:
      'Who has the number, which is asked for in the body, since addresses are logged on the way. In the audit log.',
    permission: 'person.read',
    rate: 'write',
    idempotent: 'never',
    params: { kind: Kind },
    body: PersonSearchSchema,
    status: 200,
    answer: AccountSchema,
    example: { body: { phone: PHONE } },
  },
  person: {
    method: 'get',
    path: '/v1/admin/people/{accountId}',
    summary: 'An account with name and number. In the audit log.',
    permission: 'person.read',
    rate: 'write',
    params: AccountParams,
    status: 200,
    answer: AccountSchema,
  },
  suspendPerson: {
    method: 'put',
    path: '/v1/admin/accounts/{kind}/{accountId}/suspension',
    summary: 'Suspend an account: signed out everywhere and off duty at once.',
    permission: 'person.suspend',
    rate: 'write',
    params: KindParams,
    status: 200,
    answer: AccountSchema,
  },
  reinstatePerson: {
    method: 'delete',
    path: '/v1/admin/accounts/{kind}/{accountId}/suspension',
    summary: 'Let the account sign in again.',
    permission: 'person.suspend',
    rate: 'write',
    params: KindParams,
    status: 200,
    answer: AccountSchema,
  },
  applications: {
    method: 'get',
    path: '/v1/admin/applications',
    summary: 'Drivers’ applications in a state, who has waited longest first.',
    permission: 'driver.review',
    rate: 'read',
    query: {
      state: Type.Optional(oneOf(APPROVAL_STATES, 'submitted by default')),
      ...PageQuery,
    },
    status: 200,
    answer: ApplicationPageSchema,
    example: { query: { state: 'submitted' } },
  },
  reviewDriver: {
    method: 'put',
    path: '/v1/admin/applications/{accountId}',
    summary: 'Approve, reject, suspend or reinstate a driver; who is not approved is off duty at once.',
    permission: 'driver.review',
    rate: 'write',
    params: AccountParams,
    body: DecisionSchema,
    status: 200,
    answer: AccountSchema,
    example: { body: { decision: 'approve', reason: null } },
  },
} as const satisfies Record<string, Operation>;
