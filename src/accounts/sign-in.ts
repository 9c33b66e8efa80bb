import { maskedPhone, type Phone, phoneIn } from '../domain/phone.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { CODE_TTL_MS } from '../domain/sign-in-code.ts';
import { randomSignInCode, randomUuidV7 } from '../lib/entropy.ts';
import type { Log } from '../lib/log.ts';
import type { CodeSender } from '../notify/code-sender.ts';
import type { AccountKind, AccountStore } from '../store/account-store.ts';
import type { AuditLog } from '../store/audit-log.ts';
import type { AccountVault } from './account-vault.ts';
import type { SessionOpener, SessionTokens } from './session-opener.ts';

export interface SignInOptions {
  readonly store: Pick<AccountStore, 'keepCode' | 'spendCode' | 'accountFor' | 'account'>;
  readonly vault: AccountVault;
  readonly sender: CodeSender;
  readonly sessions: SessionOpener;
  readonly auditLog: Pick<AuditLog, 'append'>;
  readonly wallNowMs: () => number;
  readonly log: Pick<Log, 'warn'>;
}

/** Who signs in, and from where. */
export interface SignInAttempt {
  readonly phone: string;
  readonly kind: AccountKind;
  readonly code: string;
  readonly device: string;
  readonly address: string;
}

const badPhone = rejected('bad_message', '/phone is no phone number: + and country code first');

/** Riders and drivers sign in with a code that is sent to their phone; who has no account has one then. */
export class SignIn {
  readonly #options: SignInOptions;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /** Sends a code. The answer is the same whether there is an account or not; `rate_limited` when the number had enough of late, `unavailable` when it cannot be sent. */
  async start(text: string, kind: AccountKind): Promise<Result<{ expiresMs: number }>> {
    const { store, sender, wallNowMs, log } = this.#options;
    const phone = phoneIn(text);
    if (phone === null) return badPhone;
    const atMs = wallNowMs();
    const code = randomSignInCode();
    const kept = await store.keepCode({ ...this.keyOf(phone, kind, code), atMs });
    if (!kept.ok) return kept;
    try {
      await sender.send({ phone, code, atMs });
    } catch (error) {
      log.warn({ err: error, phone: maskedPhone(phone) }, 'a sign-in code could not be sent');
      return rejected('unavailable', 'the code could not be sent');
    }
    return accepted({ expiresMs: atMs + CODE_TTL_MS });
  }

  /**
   * A session for the right code, within its time and tries: `unauthorized` otherwise, whatever was wrong. `account_suspended` for a right code of an
   * account that is suspended, or erased at that moment. Each attempt is in the audit log.
   */
  async finish(
    attempt: SignInAttempt,
  ): Promise<Result<{ tokens: SessionTokens; accountId: string; isNew: boolean }>> {
    const { store, vault, sessions, wallNowMs } = this.#options;
    const { kind, code, device, address } = attempt;
    const phone = phoneIn(attempt.phone);
    if (phone === null) return badPhone;
    const atMs = wallNowMs();
    const isRight = await store.spendCode({ ...this.keyOf(phone, kind, code), atMs });
    if (!isRight) {
      await this.tell(attempt, null, 'wrong_code', atMs);
      return rejected('unauthorized', 'the code is wrong, used, or out of date');
    }
    const accountId = randomUuidV7(atMs);
    const sealed = await vault.sealPhone(accountId, phone);
    const fresh = { accountId, kind, phoneIndex: vault.phoneIndex(phone), ...sealed, createdMs: atMs };
    const { account, isNew } = await store.accountFor(fresh);
    const isActive = account.state === 'active';
    await this.tell(attempt, account.accountId, isActive ? 'signed_in' : 'suspended', atMs);
    if (!isActive) return rejected('account_suspended');
    const owner = { role: kind, subject: account.accountId };
    const tokens = await sessions.open({ ...owner, device, address, atMs });
    // Suspended or erased since the account was read: sessions ended then, perhaps before this one opened.
    const now = await store.account(account.accountId);
    if (now?.state === 'active') return accepted({ tokens, accountId: account.accountId, isNew });
    await sessions.endAll({ ...owner, atMs });
    await this.tell(attempt, account.accountId, now?.state ?? 'erased', atMs);
    return rejected('account_suspended');
  }

  private keyOf(phone: Phone, kind: AccountKind, code: string) {
    const { vault } = this.#options;
    return { phoneIndex: vault.phoneIndex(phone), kind, codeHash: vault.codeHash(kind, phone, code) };
  }

  private tell(attempt: SignInAttempt, id: string | null, outcome: string, atMs: number): Promise<void> {
    const { kind, address } = attempt;
    return this.#options.auditLog.append({
      ...{ atMs, actor: id === null ? null : { role: kind, id }, address, action: 'account.sign_in' },
      ...{ object: { kind, id: id ?? 'unknown' }, before: null, after: { outcome } },
    });
  }
}
