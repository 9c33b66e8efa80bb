import type postgres from 'postgres';
import { AccountDesk } from '../../src/accounts/account-desk.ts';
import { AccountVault } from '../../src/accounts/account-vault.ts';
import { Privacy } from '../../src/accounts/privacy.ts';
import { AccountSessions } from '../../src/accounts/sessions.ts';
import { SignIn } from '../../src/accounts/sign-in.ts';
import { accepted } from '../../src/domain/rejection.ts';
import type { AccountKind, ChangedBy } from '../../src/store/account-store.ts';
import { PostgresAccountStore } from '../../src/store/account-store-postgres.ts';
import { PostgresAuditLog } from '../../src/store/audit-log-postgres.ts';
import { PostgresPersonalData } from '../../src/store/personal-data-postgres.ts';
import { PostgresSessionStore } from '../../src/store/session-store-postgres.ts';
import { PERSONAL } from '../personal-secrets.ts';

/** Riders and drivers who sign in, on a real database, with a time of the test's own. */
export class SignInOffice {
  readonly store: PostgresAccountStore;
  readonly sessionStore: PostgresSessionStore;
  readonly sessions: AccountSessions;
  readonly desk: AccountDesk;
  readonly privacy: Privacy;
  readonly auditLog: PostgresAuditLog;
  /** Codes by number, the last sent. */
  readonly sent = new Map<string, string>();
  /** Ids of sessions that every replica was told of. */
  readonly ended = new Set<string>();
  /** The first signs refresh tokens. */
  readonly keys = [Buffer.alloc(32, 3)];
  nowMs = 1_790_000_000_000;
  /** Runs once, when a session is about to be opened. */
  beforeOpening: (() => Promise<unknown>) | null = null;
  readonly #signIn: SignIn;

  constructor(sql: postgres.Sql) {
    const wallNowMs = (): number => this.nowMs;
    const store = new PostgresAccountStore(sql);
    const auditLog = new PostgresAuditLog(sql);
    const vault = new AccountVault(PERSONAL.keeper, PERSONAL.lookupSecret);
    const takeOffDuty = () => Promise.resolve(accepted(null));
    this.store = store;
    this.auditLog = auditLog;
    this.sessionStore = new PostgresSessionStore(sql);
    const sessions = new AccountSessions({
      ...{ store: this.sessionStore, keys: this.keys, wallNowMs },
      issueAccess: ({ sessionId, role }) => Promise.resolve(`access of ${role} ${sessionId}`),
      onEnded: (ids) => ids.forEach((id) => this.ended.add(id)),
    });
    this.sessions = sessions;
    this.desk = new AccountDesk({ store, vault, sessions, auditLog, takeOffDuty, wallNowMs });
    const personal = new PostgresPersonalData(sql);
    this.privacy = new Privacy({ store: personal, accounts: this.desk, sessions, takeOffDuty });
    this.#signIn = new SignIn({
      ...{ store, vault, auditLog, wallNowMs, log: { warn: () => undefined } },
      sender: { send: ({ phone, code }) => Promise.resolve(void this.sent.set(phone, code)) },
      sessions: {
        open: async (session) => {
          const before = this.beforeOpening;
          this.beforeOpening = null;
          await before?.();
          return sessions.open(session);
        },
        endAll: (account) => sessions.endAll(account),
      },
    });
  }

  by(): ChangedBy {
    return { atMs: this.nowMs, actor: { role: 'operations', id: 'op-1' }, address: '192.0.2.1' };
  }

  start(phone: string, kind: AccountKind = 'rider') {
    return this.#signIn.start(phone, kind);
  }

  finish(phone: string, code = this.sent.get(phone)!, kind: AccountKind = 'rider') {
    return this.#signIn.finish({ phone, kind, code, device: 'a phone', address: '192.0.2.7' });
  }

  /** Signed in with a code just sent. */
  async signedIn(phone: string, kind: AccountKind = 'rider') {
    const started = await this.start(phone, kind);
    if (!started.ok) throw new Error(`no code: ${started.detail}`);
    const finished = await this.finish(phone, undefined, kind);
    if (!finished.ok) throw new Error(`not signed in: ${finished.detail}`);
    return finished.value;
  }

  refresh(token: string) {
    return this.sessions.refresh(token, '192.0.2.8');
  }
}
