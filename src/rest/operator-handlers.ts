import type { OperatorAdmin, OperatorListed } from '../accounts/operator-admin.ts';
import type { OperatorSignIn } from '../accounts/operator-sign-in.ts';
import { isKeyHolder, type ServiceKeys } from '../accounts/service-keys.ts';
import { accepted, rejected, type Rejection, type Result } from '../domain/rejection.ts';
import type { OperatorRole } from '../domain/role.ts';
import {
  ADMIN_PAGE_MAX,
  type CredentialsBody,
  type InviteBody,
  type KeyWishBody,
  type OPERATOR_OPERATIONS,
  type OperatorChangeBody,
  type SignInBody,
} from '../protocol/rest-operators.ts';
import type { AuditFilter, AuditLog } from '../store/audit-log.ts';
import type { ServiceKey } from '../store/service-key-store.ts';
import type { Call, HandlersOf } from './call.ts';
import { cursorIn, cursorText } from './page-cursor.ts';

export interface OperatorServices {
  readonly signIn: OperatorSignIn;
  readonly admin: OperatorAdmin;
  readonly keys: ServiceKeys;
  readonly auditLog: Pick<AuditLog, 'search'>;
  /** The wall's: links and keys end by it. */
  readonly wallNowMs: () => number;
}

/** The handlers of operators, service keys and the audit log. */
export function createOperatorHandlers(services: OperatorServices): HandlersOf<typeof OPERATOR_OPERATIONS> {
  const { signIn, auditLog } = services;
  return {
    operatorSignIn: (call) => signIn.signIn(call.body as SignInBody, call),
    setOperatorCredentials: (call) => signIn.setCredentials(call.body as CredentialsBody, call),
    ...operatorHandlers(services),
    ...keyHandlers(services),
    auditLog: async ({ query }) => {
      const limit = limitOf(query);
      const entries = await auditLog.search(filterOf(query), limit);
      const last = entries.length === limit ? entries.at(-1)! : null;
      return accepted({ entries, next: last === null || last.seq === 1 ? null : String(last.seq) });
    },
  };
}

type OperatorOperation = 'operators' | 'inviteOperator' | 'changeOperator' | 'renewOperatorLink';

function operatorHandlers({
  admin,
  wallNowMs,
}: OperatorServices): Pick<HandlersOf<typeof OPERATOR_OPERATIONS>, OperatorOperation> {
  return {
    operators: async ({ query }) => {
      const after = cursorIn(query.after);
      if (!after.ok) return after;
      const cursor = after.value === null ? null : { createdMs: after.value.ms, operatorId: after.value.id };
      const limit = limitOf(query);
      const operators = await admin.operators(cursor, limit);
      const next = nextOf(operators, limit, ({ operatorId }: OperatorListed) => operatorId);
      return accepted({ operators, next });
    },
    inviteOperator: (call) =>
      byPerson(call, wallNowMs(), (by) => {
        const { email, role } = call.body as InviteBody;
        return admin.invite(email, role, by);
      }),
    changeOperator: (call) =>
      byPerson(call, wallNowMs(), (by) => {
        const { role, state } = call.body as OperatorChangeBody;
        const change = { ...(role === undefined ? {} : { role }), ...(state === undefined ? {} : { state }) };
        return admin.change(call.params.operatorId!, change, by);
      }),
    renewOperatorLink: (call) =>
      byPerson(call, wallNowMs(), (by) => admin.renewLink(call.params.operatorId!, by)),
  };
}

type KeyOperation = 'serviceKeys' | 'makeServiceKey' | 'endServiceKey';

function keyHandlers({
  keys,
  wallNowMs,
}: OperatorServices): Pick<HandlersOf<typeof OPERATOR_OPERATIONS>, KeyOperation> {
  return {
    serviceKeys: async ({ query }) => {
      const after = cursorIn(query.after);
      if (!after.ok) return after;
      const cursor = after.value === null ? null : { createdMs: after.value.ms, keyId: after.value.id };
      const limit = limitOf(query);
      const page = await keys.keys(cursor, limit);
      return accepted({ keys: page, next: nextOf(page, limit, ({ keyId }: ServiceKey) => keyId) });
    },
    makeServiceKey: (call) =>
      byPerson(call, wallNowMs(), async (by) => {
        const { role, name, days } = call.body as KeyWishBody;
        return accepted(await keys.make({ role, name, ttlMs: days * DAY_MS }, by));
      }),
    endServiceKey: (call) => byPerson(call, wallNowMs(), (by) => keys.end(call.params.keyId!, by)),
  };
}

interface ByPerson {
  readonly atMs: number;
  readonly actor: { readonly role: OperatorRole; readonly id: string };
  readonly address: string;
}

/** Who may do what is for people to say: a key that was stolen must not make others. */
function byPerson<T>(
  { principal, address }: Call,
  atMs: number,
  work: (by: ByPerson) => Promise<Result<T>>,
): Promise<Result<T>> | Rejection {
  if (principal === null || !('operatorId' in principal)) return rejected('forbidden');
  const { role, operatorId: id } = principal;
  if (isKeyHolder(id)) return rejected('forbidden', 'a person has to do that, and no service key');
  return work({ atMs, actor: { role, id }, address });
}

const DAY_MS = 24 * 3_600_000;
const limitOf = (query: Call['query']): number => (query.limit ?? ADMIN_PAGE_MAX) as number;

function nextOf<T extends { readonly createdMs: number }>(
  page: readonly T[],
  limit: number,
  idOf: (one: T) => string,
): string | null {
  const last = page.length === limit ? page.at(-1)! : null;
  return last === null ? null : cursorText({ ms: last.createdMs, id: idOf(last) });
}

/** The fields that were given. */
function filterOf({
  actorId,
  action,
  objectKind,
  objectId,
  fromMs,
  toMs,
  after,
}: Call['query']): AuditFilter {
  const beforeSeq = after === undefined ? undefined : Number(after);
  const given = Object.entries({ actorId, action, objectKind, objectId, fromMs, toMs, beforeSeq });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
