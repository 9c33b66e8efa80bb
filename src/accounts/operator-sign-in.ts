import { normalEmail } from '../domain/email.ts';
import { passwordFault } from '../domain/password.ts';
import { accepted, rejected, type Rejection, type Result } from '../domain/rejection.ts';
import { secretBytes } from '../lib/entropy.ts';
import type { AuditLog } from '../store/audit-log.ts';
import type { LockPolicy, Operator, OperatorStore } from '../store/operator-store.ts';
import { hashOfSecret, type OperatorVault } from './operator-vault.ts';
import type { PasswordHasher } from './password-hash.ts';
import type { SessionOpener, SessionTokens } from './session-opener.ts';
import { TOTP_SECRET_BYTES, totpStep, totpUri } from './totp.ts';

/** Who has the password and tries codes (six digits, three good at a time) without a pause so hits upon one in four years. */
const LOCK_POLICY: LockPolicy = { triesMax: 10, lockMs: 3_600_000 };

export interface OperatorSignInOptions {
  readonly store: OperatorStore;
  readonly auditLog: AuditLog;
  readonly vault: OperatorVault;
  readonly hasher: PasswordHasher;
  readonly sessions: SessionOpener;
  /** The wall's: codes go by it. */
  readonly wallNowMs: () => number;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
  /** What the code device shows. */
  readonly totp: string;
}

/** From where it is asked. */
export interface Origin {
  readonly address: string;
  readonly userAgent: string;
}

/** Why a sign-in failed, for the audit log alone: the client gets one answer for all. */
type Failure = 'unknown' | 'locked' | 'disabled' | 'password' | 'totp' | 'totp_used' | 'changed';

const wrong = rejected('unauthorized', 'e-mail, password or code is wrong, or there were too many tries');
const busy = rejected('overloaded');
const linkIsGone = rejected('unauthorized', 'the link was used, or is out of date');

/** Lets operators in: with an e-mail, a password and a code, all three or nothing. */
export class OperatorSignIn {
  readonly #options: OperatorSignInOptions;

  constructor(options: OperatorSignInOptions) {
    this.#options = options;
  }

  /**
   * `unauthorized` for whatever is wrong, with the same work done: whether there is such an account, and which of the three was wrong, is not told. A try is
   * counted before it is looked at.
   */
  async signIn(credentials: Credentials, origin: Origin): Promise<Result<SessionTokens>> {
    const { store, hasher, wallNowMs } = this.#options;
    const atMs = wallNowMs();
    const email = normalEmail(credentials.email);
    const found =
      email === null ? null : await store.beginTry(this.#options.vault.emailIndex(email), LOCK_POLICY, atMs);
    const operator = found?.operator ?? null;
    const password = await hasher.check(credentials.password, operator?.passwordHash ?? null);
    if (password === null) return busy;
    const step = await this.#stepOf(operator, credentials.totp, atMs);
    const failure = failureOf(found, password.isRight, step);
    if (failure !== null || operator === null || step === null)
      return this.#refuse(operator, failure ?? 'unknown', origin, atMs);
    const rehashed = password.isOutdated ? await hasher.hash(credentials.password) : null;
    const used = { totpStep: step, passwordHash: rehashed ?? operator.passwordHash! };
    if (!(await store.finishSignIn(operator, used, { atMs, address: origin.address })))
      return this.#refuse(operator, 'totp_used', origin, atMs);
    return this.#open(operator, origin, atMs);
  }

  /** Whoever was disabled, or given another role, since the operator was read has no session: theirs are ended before or after this one opens. */
  async #open(
    { operatorId: subject, role }: Operator,
    origin: Origin,
    atMs: number,
  ): Promise<Result<SessionTokens>> {
    const { store, sessions } = this.#options;
    const { address, userAgent: device } = origin;
    const opened = await sessions.open({ role, subject, device, address, atMs });
    const now = await store.operator(subject);
    if (now?.state === 'active' && now.role === role) return accepted(opened);
    await sessions.endAll({ role, subject, atMs });
    return this.#refuse(now, 'changed', origin, atMs);
  }

  /**
   * Sets the password and makes the secret of the code device: both count from the first sign-in, which ends the link. Until then the link may be used again, and makes
   * a new secret. `unauthorized` when the link is not good, `bad_message` when the password is too easy.
   */
  async setCredentials(
    { token, password }: { token: string; password: string },
    origin: Origin,
  ): Promise<Result<{ totpUri: string }>> {
    const { store, vault, hasher, wallNowMs } = this.#options;
    const atMs = wallNowMs();
    const linkHash = hashOfSecret(token);
    const operator = await store.byLink(linkHash, atMs);
    if (operator === null) return linkIsGone;
    const { email } = await vault.open(operator);
    const fault = passwordFault(password, email);
    if (fault !== null) return rejected('bad_message', fault);
    const passwordHash = await hasher.hash(password);
    if (passwordHash === null) return busy;
    const secret = secretBytes(TOTP_SECRET_BYTES);
    const credentials = { passwordHash, totpSealed: await vault.sealTotp(operator, secret) };
    const isSet = await store.setCredentials(linkHash, credentials, { atMs, address: origin.address });
    return isSet ? accepted({ totpUri: totpUri(secret, email) }) : linkIsGone;
  }

  /** Also when the password is wrong: how long it takes says nothing. */
  async #stepOf(operator: Operator | null, code: string, atMs: number): Promise<number | null> {
    if (operator === null) return null;
    const { totpSecret } = await this.#options.vault.open(operator);
    return totpSecret === null ? null : totpStep(totpSecret, code, atMs);
  }

  async #refuse(
    operator: Operator | null,
    why: Failure,
    { address }: Origin,
    atMs: number,
  ): Promise<Rejection> {
    await this.#options.auditLog.append({
      ...{ atMs, actor: null, address, action: 'operator.sign_in_failed' },
      object: { kind: 'operator', id: operator?.operatorId ?? 'unknown' },
      ...{ before: null, after: { why } },
    });
    return wrong;
  }
}

function failureOf(
  found: { operator: Operator; isLocked: boolean } | null,
  isPasswordRight: boolean,
  step: number | null,
): Failure | null {
  if (found === null) return 'unknown';
  if (found.isLocked) return 'locked';
  if (found.operator.state === 'disabled') return 'disabled';
  if (!isPasswordRight) return 'password';
  return step === null ? 'totp' : null;
}
