import type postgres from 'postgres';
import { OperatorAdmin } from './accounts/operator-admin.ts';
import { OperatorSignIn } from './accounts/operator-sign-in.ts';
import { OperatorVault } from './accounts/operator-vault.ts';
import { PasswordHasher } from './accounts/password-hash.ts';
import type { Revocations } from './accounts/revocations.ts';
import { ServiceKeys } from './accounts/service-keys.ts';
import type { SessionOpener } from './accounts/session-opener.ts';
import type { Clock } from './lib/clock.ts';
import type { KeyKeeper } from './lib/envelope.ts';
import { createOperatorHandlers } from './rest/operator-handlers.ts';
import type { RestOptions } from './rest/rest-server.ts';
import { PostgresAuditLog } from './store/audit-log-postgres.ts';
import { PostgresOperatorStore } from './store/operator-store-postgres.ts';
import { PostgresServiceKeyStore } from './store/service-key-store-postgres.ts';

export interface NodeOperatorsOptions {
  readonly sql: postgres.Sql;
  readonly keeper: KeyKeeper;
  readonly lookupSecret: Uint8Array;
  readonly sessions: SessionOpener;
  /** An ended key is told of as an ended session is. */
  readonly revocations: Pick<Revocations, 'has' | 'end'>;
  readonly wallClock: Clock;
}

/** Operators and service keys of a server. */
export interface NodeOperators {
  readonly handlers: NonNullable<RestOptions['handlers']>;
  readonly serviceKeys: ServiceKeys;
}

export function createNodeOperators(options: NodeOperatorsOptions): NodeOperators {
  const { sql, keeper, lookupSecret, sessions, revocations, wallClock } = options;
  const wallNowMs = (): number => wallClock.nowMs();
  const store = new PostgresOperatorStore(sql);
  const auditLog = new PostgresAuditLog(sql);
  const vault = new OperatorVault(keeper, lookupSecret);
  const hasher = new PasswordHasher(wallClock);
  const signIn = new OperatorSignIn({ store, auditLog, vault, hasher, sessions, wallNowMs });
  const admin = new OperatorAdmin({ store, vault, sessions });
  const keys = new ServiceKeys({
    ...{ store: new PostgresServiceKeyStore(sql), wallNowMs },
    isEnded: (keyId) => revocations.has(keyId),
    onEnded: (keyIds) => revocations.end(keyIds),
  });
  return {
    handlers: createOperatorHandlers({ signIn, admin, keys, auditLog, wallNowMs }),
    serviceKeys: keys,
  };
}
