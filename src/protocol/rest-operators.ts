import { Type, type Static } from 'typebox';
import { ACCOUNT_ID_PATTERN } from '../domain/ids.ts';
import { OPERATOR_ROLES } from '../domain/role.ts';
import { Maybe, oneOf } from './messages.ts';
import type { Operation } from './operation.ts';
import { TokensSchema } from './session-tokens.ts';

/** Operators, keys or entries of the audit log in one page. */
export const ADMIN_PAGE_MAX = 100;

const Ms = Type.Integer({ minimum: 0, description: 'Unix milliseconds' });
const AccountId = Type.String({ pattern: ACCOUNT_ID_PATTERN });
const Role = oneOf(OPERATOR_ROLES, 'what an operator may do, each more than the one before');
const Email = Type.String({ minLength: 3, maxLength: 254 });
/** In characters of UTF-16; how long it must be is told when it is set. */
const Password = Type.String({ maxLength: 512 });
const Next = Maybe(Type.String({ description: 'give it as `after` for the next page' }));
const Page = {
  after: Type.Optional(Type.String({ maxLength: 96 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: ADMIN_PAGE_MAX })),
};

const SignInSchema = Type.Object(
  { email: Email, password: Password, totp: Type.String({ maxLength: 16 }) },
  { $id: 'OperatorSignIn' },
);
const CredentialsSchema = Type.Object(
  { token: Type.String({ maxLength: 64 }), password: Password },
  { $id: 'OperatorCredentials', description: 'token: of the link' },
);
const TotpSchema = Type.Object(
  { totpUri: Type.String({ description: 'otpauth://…, for the code app; told here and nowhere else' }) },
  { $id: 'OperatorTotp' },
);
const OperatorSchema = Type.Object(
  {
    operatorId: Type.String(),
    email: Type.String(),
    role: Role,
    state: oneOf(['invited', 'active', 'disabled'], 'invited: has not signed in yet'),
    createdMs: Ms,
    lockedUntilMs: Maybe(Ms),
  },
  { $id: 'Operator' },
);
const OperatorPageSchema = Type.Object(
  { operators: Type.Array(OperatorSchema), next: Next },
  { $id: 'OperatorPage' },
);
const InviteSchema = Type.Object({ email: Email, role: Role }, { $id: 'OperatorInvite' });
const InvitationSchema = Type.Object(
  {
    operator: OperatorSchema,
    linkToken: Type.String({
      description: 'sets password and code device, once; told here and nowhere else',
    }),
    linkExpiresMs: Ms,
  },
  { $id: 'OperatorInvitation' },
);
const OperatorChangeSchema = Type.Object(
  { role: Type.Optional(Role), state: Type.Optional(oneOf(['active', 'disabled'], 'may sign in, or not')) },
  { $id: 'OperatorChange', description: 'what is left out stays', minProperties: 1 },
);
const KeyWishSchema = Type.Object(
  {
    role: Role,
    name: Type.String({ minLength: 1, maxLength: 80, description: 'what it is for' }),
    days: Type.Integer({ minimum: 1, maximum: 366, description: 'until it ends by itself' }),
  },
  { $id: 'ServiceKeyWish' },
);
const KeySchema = Type.Object(
  {
    keyId: Type.String(),
    role: Role,
    name: Type.String(),
    createdBy: Type.String(),
    createdMs: Ms,
    expiresMs: Ms,
    endedMs: Maybe(Ms),
  },
  { $id: 'ServiceKey' },
);
const NewKeySchema = Type.Object(
  {
    secret: Type.String({
      description: 'hdk_…: goes where an access token does; told here and nowhere else',
    }),
    key: KeySchema,
  },
  { $id: 'NewServiceKey' },
);
const KeyPageSchema = Type.Object({ keys: Type.Array(KeySchema), next: Next }, { $id: 'ServiceKeyPage' });
const AuditRecordSchema = Type.Object(
  {
    seq: Type.Integer({ minimum: 1 }),
    hash: Type.String({ description: 'of this entry and all before it' }),
    atMs: Ms,
    actor: Maybe(Type.Object({ role: Type.String(), id: Type.String() })),
    address: Maybe(Type.String()),
    action: Type.String(),
    object: Type.Object({ kind: Type.String(), id: Type.String() }),
    before: Type.Unknown(),
    after: Type.Unknown(),
  },
  { $id: 'AuditRecord' },
);
const AuditPageSchema = Type.Object(
  { entries: Type.Array(AuditRecordSchema), next: Next },
  { $id: 'AuditPage' },
);

export type SignInBody = Static<typeof SignInSchema>;
export type CredentialsBody = Static<typeof CredentialsSchema>;
export type InviteBody = Static<typeof InviteSchema>;
export type OperatorChangeBody = Static<typeof OperatorChangeSchema>;
export type KeyWishBody = Static<typeof KeyWishSchema>;

const OperatorParams = { operatorId: AccountId };
const AuditText = Type.Optional(Type.String({ minLength: 1, maxLength: 128 }));

/** Operators and machines: how they come in, and who says so; and the log of what operators did. */
export const OPERATOR_OPERATIONS = {
  operatorSignIn: {
    method: 'post',
    path: '/v1/operators/sign-in',
    summary:
      'Sign in as an operator; one answer for all that may be wrong. Ten wrong tries lock for an hour.',
    permission: null,
    rate: 'sign_in',
    body: SignInSchema,
    status: 200,
    answer: TokensSchema,
    example: { body: { email: 'ann@example.com', password: 'a pass phrase of hers', totp: '123456' } },
  },
  setOperatorCredentials: {
    method: 'post',
    path: '/v1/operators/password',
    summary:
      'Set the password and get the secret of the code app, by a link; both count from the first sign-in.',
    permission: null,
    rate: 'sign_in',
    body: CredentialsSchema,
    status: 200,
    answer: TotpSchema,
    example: { body: { token: 'of-the-link', password: 'a pass phrase of hers' } },
  },
  operators: {
    method: 'get',
    path: '/v1/admin/operators',
    summary: 'All operators, the oldest first.',
    permission: 'operator.manage',
    rate: 'read',
    query: Page,
    status: 200,
    answer: OperatorPageSchema,
    example: { query: { limit: '20' } },
  },
  inviteOperator: {
    method: 'post',
    path: '/v1/admin/operators',
    summary: 'Make an operator; the link’s token is theirs to be given, and good for a day.',
    permission: 'operator.manage',
    idempotent: 'never',
    rate: 'write',
    body: InviteSchema,
    status: 201,
    answer: InvitationSchema,
    example: { body: { email: 'ben@example.com', role: 'support' } },
  },
  changeOperator: {
    method: 'patch',
    path: '/v1/admin/operators/{operatorId}',
    summary: 'Change an operator’s role, disable one or take that back; their sessions end at once.',
    permission: 'operator.manage',
    rate: 'write',
    params: OperatorParams,
    body: OperatorChangeSchema,
    status: 200,
    answer: OperatorSchema,
    example: { body: { role: 'operations' } },
  },
  renewOperatorLink: {
    method: 'post',
    path: '/v1/admin/operators/{operatorId}/link',
    summary:
      'A new link for who has lost password or code device: the old ones, and all sessions, end at once.',
    permission: 'operator.manage',
    idempotent: 'never',
    rate: 'write',
    params: OperatorParams,
    status: 201,
    answer: InvitationSchema,
  },
  serviceKeys: {
    method: 'get',
    path: '/v1/admin/keys',
    summary: 'All service keys, the oldest first.',
    permission: 'key.manage',
    rate: 'read',
    query: Page,
    status: 200,
    answer: KeyPageSchema,
    example: { query: { limit: '20' } },
  },
  makeServiceKey: {
    method: 'post',
    path: '/v1/admin/keys',
    summary: 'Make a key with which a machine acts as an operator.',
    permission: 'key.manage',
    idempotent: 'never',
    rate: 'write',
    body: KeyWishSchema,
    status: 201,
    answer: NewKeySchema,
    example: { body: { role: 'support', name: 'nightly report', days: 90 } },
  },
  endServiceKey: {
    method: 'delete',
    path: '/v1/admin/keys/{keyId}',
    summary: 'End a key: it is refused everywhere from now on.',
    permission: 'key.manage',
    rate: 'write',
    params: { keyId: AccountId },
    status: 204,
    answer: null,
  },
  auditLog: {
    method: 'get',
    path: '/v1/admin/audit-log',
    summary: 'What operators changed and who signed in, the newest first; all that is given must fit.',
    permission: 'audit.read',
    rate: 'read',
    query: {
      ...{ actorId: AuditText, action: AuditText, objectKind: AuditText, objectId: AuditText },
      fromMs: Type.Optional(Ms),
      toMs: Type.Optional(Ms),
      after: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,14}$' })),
      limit: Page.limit,
    },
    status: 200,
    answer: AuditPageSchema,
    example: { query: { action: 'operator.sign_in', limit: '20' } },
  },
} as const satisfies Record<string, Operation>;
