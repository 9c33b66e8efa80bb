import type { AccountDesk } from '../accounts/account-desk.ts';
import type { AccountSessions } from '../accounts/sessions.ts';
import type { SignIn } from '../accounts/sign-in.ts';
import { accountOf, type Principal } from '../dispatch/desk.ts';
import type { ApprovalState } from '../domain/driver-approval.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import {
  ACCOUNT_PAGE_MAX,
  type ACCOUNT_OPERATIONS,
  type AccountChange,
  type CarBody,
  type CodeRequest,
  type DecisionBody,
  type PersonSearch,
  type RefreshBody,
  type SignInBody,
} from '../protocol/rest-accounts.ts';
import type { AccountCursor, AccountKind, ChangedBy } from '../store/account-store.ts';
import type { Call, Handler, HandlersOf } from './call.ts';

export interface AccountServices {
  readonly signIn: SignIn;
  readonly sessions: AccountSessions;
  readonly accounts: AccountDesk;
  readonly wallNowMs: () => number;
}

type Operations = typeof ACCOUNT_OPERATIONS;
type SessionOperations = Pick<Operations, 'refresh' | 'sessions' | 'endSession'>;
type OwnOperations = Pick<Operations, 'requestCode' | 'signIn' | 'account' | 'changeAccount' | 'submitCar'>;

const unauthorized = rejected('unauthorized');

/** The handlers of signing in, accounts and sessions. */
export function createAccountHandlers(services: AccountServices): HandlersOf<Operations> {
  return { ...createSessionHandlers(services), ...ownHandlers(services), ...adminHandlers(services) };
}

/** Those of sessions alone: operators have theirs here also when riders’ and drivers’ accounts are kept elsewhere. */
export function createSessionHandlers({
  sessions,
}: Pick<AccountServices, 'sessions'>): HandlersOf<SessionOperations> {
  return {
    refresh: ({ body, address }) => sessions.refresh((body as RefreshBody).refreshToken, address),
    sessions: signedIn(async ({ sessionId }, principal) => {
      const found = await sessions.sessionsOf(ownerOf(principal));
      return accepted({
        sessions: found.map((one) => ({
          ...{ sessionId: one.sessionId, device: one.device, address: one.address },
          ...{ createdMs: one.createdMs, seenMs: one.seenMs, isThis: one.sessionId === sessionId },
        })),
      });
    }),
    endSession: signedIn(({ params, sessionId }, principal) => {
      const why = params.sessionId === sessionId ? 'signed_out' : 'revoked';
      return sessions.end(params.sessionId!, ownerOf(principal), why);
    }),
  };
}

function ownHandlers({ signIn, accounts }: AccountServices): HandlersOf<OwnOperations> {
  return {
    requestCode: ({ body }) => {
      const { phone, kind } = body as CodeRequest;
      return signIn.start(phone, kind);
    },
    signIn: ({ body, address }) => signIn.finish({ ...(body as SignInBody), address }),
    account: signedIn((_, principal) => accounts.read(accountOf(principal))),
    changeAccount: signedIn(({ body }, principal) =>
      accounts.rename(accountOf(principal), (body as AccountChange).name),
    ),
    submitCar: signedIn(({ body }, principal) => accounts.submitCar(accountOf(principal), body as CarBody)),
  };
}

function adminHandlers({
  accounts,
  wallNowMs,
}: AccountServices): HandlersOf<Omit<Operations, keyof OwnOperations | keyof SessionOperations>> {
  const byOf = ({ address }: Call, principal: Principal): ChangedBy => ({
    ...{ actor: { role: principal.role, id: accountOf(principal) }, address, atMs: wallNowMs() },
  });
  return {
    people: async ({ params, query }) => {
      const page = pageOf(query);
      if (!page.ok) return page;
      const { after, limit } = page.value;
      const found = await accounts.list(params.kind as AccountKind, after, limit);
      const rows = found.map(({ accountId, state, createdMs }) => ({ accountId, state, createdMs }));
      const last = rows.length === limit ? rows.at(-1)! : null;
      return accepted({ accounts: rows, next: last && `${last.createdMs}.${last.accountId}` });
    },
    findPerson: signedIn((call, principal) =>
      accounts.find(
        call.params.kind as AccountKind,
        (call.body as PersonSearch).phone,
        byOf(call, principal),
      ),
    ),
    person: signedIn((call, principal) => accounts.readFor(call.params.accountId!, byOf(call, principal))),
    suspendPerson: signedIn((call, principal) =>
      accounts.suspend(call.params.accountId!, call.params.kind as AccountKind, byOf(call, principal)),
    ),
    reinstatePerson: signedIn((call, principal) =>
      accounts.reinstate(call.params.accountId!, call.params.kind as AccountKind, byOf(call, principal)),
    ),
    applications: async ({ query }) => {
      const page = pageOf(query);
      if (!page.ok) return page;
      const { after, limit } = page.value;
      const found = await accounts.applications((query.state ?? 'submitted') as ApprovalState, after, limit);
      const rows = found.map(({ driverId, vehicleClass, model, changedMs }) => ({
        ...{ driverId, vehicleClass, model, changedMs },
      }));
      const last = rows.length === limit ? rows.at(-1)! : null;
      return accepted({ applications: rows, next: last && `${last.changedMs}.${last.driverId}` });
    },
    reviewDriver: signedIn((call, principal) => {
      const { decision, reason } = call.body as DecisionBody;
      return accounts.review(call.params.accountId!, { review: decision, reason }, byOf(call, principal));
    }),
  };
}

/** The route's permission has seen to it that somebody is signed in; here the type learns it. */
const signedIn =
  (handle: (call: Call, principal: Principal) => ReturnType<Handler>): Handler =>
  (call) =>
    call.principal === null ? unauthorized : handle(call, call.principal);

const ownerOf = (principal: Principal) => ({ role: principal.role, subject: accountOf(principal) });

const CURSOR = /^(\d{1,15})\.([A-Za-z0-9_.:-]{1,64})$/;

function pageOf(query: Call['query']): Result<{ after: AccountCursor | null; limit: number }> {
  const limit = (query.limit ?? ACCOUNT_PAGE_MAX) as number;
  if (query.after === undefined) return accepted({ after: null, limit });
  const [, ms, accountId] = CURSOR.exec(String(query.after)) ?? [];
  if (accountId === undefined) return rejected('bad_message', 'query after: give `next` of the page before');
  return accepted({ after: { ms: Number(ms), accountId }, limit });
}
