import type postgres from 'postgres';
import { AccountDesk } from './accounts/account-desk.ts';
import { DutyEndings } from './accounts/duty-endings.ts';
import { AccountVault } from './accounts/account-vault.ts';
import { Privacy } from './accounts/privacy.ts';
import { Revocations } from './accounts/revocations.ts';
import type { ServiceKeys } from './accounts/service-keys.ts';
import { AccountSessions } from './accounts/sessions.ts';
import { SignIn } from './accounts/sign-in.ts';
import type { Bus } from './bus/bus.ts';
import type { Approval } from './dispatch/front-desk.ts';
import { type Identity, issueToken } from './gateway/auth.ts';
import type { Result } from './domain/rejection.ts';
import type { Clock, Timer } from './lib/clock.ts';
import { deriveKey } from './lib/derived-key.ts';
import type { KeyKeeper } from './lib/envelope.ts';
import { createErrorLog } from './lib/error-log.ts';
import type { Log } from './lib/log.ts';
import { createNodeOperators } from './node-operators.ts';
import { createCodeOutbox } from './notify/code-outbox.ts';
import { createAccountHandlers, createSessionHandlers } from './rest/account-handlers.ts';
import { createPrivacyHandlers } from './rest/privacy-handlers.ts';
import type { RestOptions } from './rest/rest-server.ts';
import { PostgresAccountStore } from './store/account-store-postgres.ts';
import { PostgresAuditLog } from './store/audit-log-postgres.ts';
import { PostgresPersonalData } from './store/personal-data-postgres.ts';
import { PostgresSessionStore } from './store/session-store-postgres.ts';

export interface NodeAccountsOptions {
  readonly sql: postgres.Sql;
  readonly bus: Bus;
  /** The first signs; all are accepted. */
  readonly secrets: readonly Uint8Array[];
  readonly keeper: KeyKeeper;
  readonly lookupSecret: Uint8Array;
  readonly wallClock: Clock;
  readonly log: Log;
  /** Where sign-in codes are written to; null: accounts are kept elsewhere, nobody signs in here by phone, and drivers need no approval of ours. */
  readonly codeOutboxDir: string | null;
  /** Off duty by no wish of the driver's. */
  readonly takeOffDuty: (driverId: string) => Promise<Result<unknown>>;
  /** Closes the sockets of sessions that have ended. */
  readonly endSockets: (sessionIds: ReadonlySet<string>) => void;
}

/** How soon after the trip a driver who may not drive any more is off duty, ms. */
const ENDINGS_MS = 2_000;

/** Accounts, operators and sessions of a server. */
export interface NodeAccounts {
  readonly handlers: NonNullable<RestOptions['handlers']>;
  readonly serviceKeys: ServiceKeys;
  readonly mayDrive: Approval;
  isRevoked(identity: Identity): boolean;
  /** Rejects when a store is out of reach: who does not know what has ended must not let anybody in. */
  start(): Promise<void>;
  close(): void;
}

export function createNodeAccounts(options: NodeAccountsOptions): NodeAccounts {
  const { sql, bus, secrets, wallClock, log, codeOutboxDir, takeOffDuty, endSockets } = options;
  const wallNowMs = (): number => wallClock.nowMs();
  const sessionStore = new PostgresSessionStore(sql);
  const revocations = new Revocations({
    ...{ bus, wallClock, log, onEnded: endSockets },
    load: (sinceMs) => sessionStore.endedSince(sinceMs),
  });
  const sessions = new AccountSessions({
    ...{ store: sessionStore, wallNowMs, onEnded: (sessionIds) => revocations.end(sessionIds) },
    keys: secrets.map((secret) => deriveKey(secret, 'refresh tokens')),
    issueAccess: ({ role, subject, sessionId, ttlS }) =>
      issueToken({ secret: secrets[0]!, role, subject, sessionId, ttlS, wallNowMs: wallNowMs() }),
  });
  const store = new PostgresAccountStore(sql);
  const vault = new AccountVault(options.keeper, options.lookupSecret);
  const auditLog = new PostgresAuditLog(sql);
  const endings = new DutyEndings(takeOffDuty);
  const accounts = new AccountDesk({
    ...{ store, vault, sessions, auditLog, wallNowMs },
    takeOffDuty: (driverId) => endings.end(driverId),
  });
  const sweeping = sweepEndings(endings, accounts, wallClock, log);
  const operators = createNodeOperators({ ...options, sessions, revocations });
  const common = {
    serviceKeys: operators.serviceKeys,
    isRevoked: ({ sessionId }: Identity) => sessionId !== null && revocations.has(sessionId),
    start: () => revocations.start(),
    close: () => {
      sweeping.cancel();
      revocations.close();
    },
  };
  if (codeOutboxDir === null)
    return {
      ...common,
      handlers: { ...createSessionHandlers({ sessions }), ...operators.handlers },
      mayDrive: () => Promise.resolve({ ok: true, value: null }),
    };
  const privacy = new Privacy({
    ...{ store: new PostgresPersonalData(sql), accounts, sessions },
    takeOffDuty: (driverId) => endings.end(driverId),
  });
  const sender = createCodeOutbox(codeOutboxDir);
  const signIn = new SignIn({ store, vault, sender, sessions, auditLog, wallNowMs, log });
  return {
    ...common,
    handlers: {
      ...createAccountHandlers({ signIn, sessions, accounts, wallNowMs }),
      ...createPrivacyHandlers(privacy, wallNowMs),
      ...operators.handlers,
    },
    mayDrive: (driverId, vehicle) => accounts.mayDrive(driverId, vehicle),
  };
}

function sweepEndings(endings: DutyEndings, accounts: AccountDesk, wallClock: Clock, log: Log): Timer {
  const failed = createErrorLog({ log, clock: wallClock, what: 'duties that are over could not be ended' });
  let isSweeping = false;
  return wallClock.every(ENDINGS_MS, () => {
    if (isSweeping) return;
    isSweeping = true;
    void endings
      .sweep((driverId) => accounts.isBarred(driverId))
      .catch(failed)
      .finally(() => (isSweeping = false));
  });
}
