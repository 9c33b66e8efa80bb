import { type TOTP, URI } from 'otpauth';
import type postgres from 'postgres';
import { OperatorAdmin } from '../../src/accounts/operator-admin.ts';
import { OperatorSignIn } from '../../src/accounts/operator-sign-in.ts';
import { OperatorVault } from '../../src/accounts/operator-vault.ts';
import { PasswordHasher } from '../../src/accounts/password-hash.ts';
import type { NewSession, SessionOpener, SessionTokens } from '../../src/accounts/session-opener.ts';
import type { OperatorRole } from '../../src/domain/role.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { PostgresAuditLog } from '../../src/store/audit-log-postgres.ts';
import type { AuditedBy } from '../../src/store/operator-store.ts';
import { PostgresOperatorStore } from '../../src/store/operator-store-postgres.ts';
import { PERSONAL } from '../personal-secrets.ts';

export const PASSWORD = 'a pass phrase of theirs';
export const ORIGIN = { address: '192.0.2.1', userAgent: 'a browser' };

/** Which sessions are open, of whom. */
export class OpenSessions implements SessionOpener {
  readonly opened: NewSession[] = [];
  readonly ended: string[] = [];
  /** All of both, in their order. */
  readonly events: string[] = [];

  open(session: NewSession): Promise<SessionTokens> {
    this.opened.push(session);
    this.events.push(`open ${session.subject}`);
    const sessionId = `s-${this.opened.length}`;
    const { atMs } = session;
    return Promise.resolve({
      ...{ sessionId, accessToken: `a-${sessionId}`, accessExpiresMs: atMs + 900_000 },
      ...{ refreshToken: `r-${sessionId}`, refreshExpiresMs: atMs + 9_000_000 },
    });
  }

  endAll({ role, subject }: { role: string; subject: string }): Promise<void> {
    this.ended.push(`${role} ${subject}`);
    this.events.push(`end ${subject}`);
    return Promise.resolve();
  }
}

/** A code device, as an operator holds it. */
export class Device {
  readonly #totp: TOTP;

  constructor(totpUri: string) {
    this.#totp = URI.parse(totpUri) as TOTP;
  }

  code(atMs: number): string {
    return this.#totp.generate({ timestamp: atMs });
  }
}

/** Operators on a real database, with a time of the test's own. */
export class OperatorOffice {
  readonly store: PostgresOperatorStore;
  readonly auditLog: PostgresAuditLog;
  readonly sessions = new OpenSessions();
  readonly admin: OperatorAdmin;
  readonly signIn: OperatorSignIn;
  readonly vault = new OperatorVault(PERSONAL.keeper, PERSONAL.lookupSecret);
  nowMs = 1_790_000_000_000;

  constructor(sql: postgres.Sql) {
    const store = new PostgresOperatorStore(sql);
    const auditLog = new PostgresAuditLog(sql);
    this.store = store;
    this.auditLog = auditLog;
    const { vault, sessions } = this;
    this.admin = new OperatorAdmin({ store, vault, sessions });
    this.signIn = new OperatorSignIn({
      ...{ store, auditLog, vault, sessions, hasher: new PasswordHasher(createWallClock()) },
      wallNowMs: () => this.nowMs,
    });
  }

  by(operatorId = 'op-boss'): AuditedBy {
    return { atMs: this.nowMs, actor: { role: 'admin', id: operatorId }, address: ORIGIN.address };
  }

  /** By who has the machine. */
  byOwner(): AuditedBy {
    return { atMs: this.nowMs, actor: null, address: null };
  }

  /** Invited, and with a password and a code device, and signed in once. */
  async operator(
    email: string,
    role: OperatorRole = 'admin',
  ): Promise<{ operatorId: string; device: Device }> {
    const invited = await this.admin.invite(email, role, this.by());
    if (!invited.ok) throw new Error(`not invited: ${invited.detail}`);
    const { linkToken, operator } = invited.value;
    const device = await this.setUp(linkToken);
    const signedIn = await this.try(email, device);
    if (!signedIn.ok) throw new Error(`not signed in: ${signedIn.detail}`);
    return { operatorId: operator.operatorId, device };
  }

  async setUp(token: string, password = PASSWORD): Promise<Device> {
    const set = await this.signIn.setCredentials({ token, password }, ORIGIN);
    if (!set.ok) throw new Error(`not set: ${set.detail}`);
    return new Device(set.value.totpUri);
  }

  /** A sign-in, in a step of its own. */
  try(email: string, device: Device, password = PASSWORD) {
    this.nowMs += 30_000;
    return this.signIn.signIn({ email, password, totp: device.code(this.nowMs) }, ORIGIN);
  }
}
