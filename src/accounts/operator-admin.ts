import { normalEmail } from '../domain/email.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { OperatorRole } from '../domain/role.ts';
import { randomUuidV7 } from '../lib/entropy.ts';
import type {
  AuditedBy,
  Operator,
  OperatorChange,
  OperatorCursor,
  OperatorStore,
} from '../store/operator-store.ts';
import { newOperatorLink, OPERATOR_LINK_TTL_MS, type OperatorVault } from './operator-vault.ts';
import type { SessionOpener } from './session-opener.ts';

export interface OperatorAdminOptions {
  readonly store: OperatorStore;
  readonly vault: OperatorVault;
  readonly sessions: Pick<SessionOpener, 'endAll'>;
}

/** An operator as an admin sees it. */
export interface OperatorListed extends Pick<
  Operator,
  'operatorId' | 'role' | 'state' | 'createdMs' | 'lockedUntilMs'
> {
  readonly email: string;
}

/** An operator who may set password and code device with the token of a link, once, which is told here and nowhere else. */
export interface Invitation {
  readonly operator: OperatorListed;
  readonly linkToken: string;
  readonly linkExpiresMs: number;
}

/** Changes who may do what: invites operators, changes their role, takes their access away at once. Whoever calls has seen to it that it is an admin. */
export class OperatorAdmin {
  readonly #options: OperatorAdminOptions;

  constructor(options: OperatorAdminOptions) {
    this.#options = options;
  }

  /** `bad_message`: that is no e-mail; `conflict`: there is an operator with it. */
  async invite(email: string, role: OperatorRole, by: AuditedBy): Promise<Result<Invitation>> {
    const { store, vault } = this.#options;
    const address = normalEmail(email);
    if (address === null) return rejected('bad_message', 'that is no e-mail address');
    const operatorId = `op-${randomUuidV7(by.atMs)}`;
    const { token, link } = newOperatorLink(by.atMs);
    const sealed = await vault.sealEmail(operatorId, address);
    const invited = await store.invite(
      { operatorId, role, emailIndex: vault.emailIndex(address), ...sealed, link },
      by,
    );
    return invited.ok ? accepted(await this.#invitation(invited.value, token, by)) : invited;
  }

  /** The first admin, or whoever has lost the way in, by who has the machine: the operator of this e-mail is made, or made an admin with a new link. */
  async inviteAdmin(email: string, by: AuditedBy): Promise<Result<Invitation>> {
    const { store, vault } = this.#options;
    const address = normalEmail(email);
    const known = address === null ? null : await store.byEmail(vault.emailIndex(address));
    return known === null
      ? this.invite(email, 'admin', by)
      : this.#renew(known.operatorId, { role: 'admin' }, by);
  }

  /** Takes password and code device away, and answers a link to set new ones. `not_found`, `conflict`: it is the last admin. */
  renewLink(operatorId: string, by: AuditedBy): Promise<Result<Invitation>> {
    return this.#renew(operatorId, {}, by);
  }

  /** `not_found`, `conflict`: it is the last admin. Whoever loses a role is signed out at once. */
  async change(
    operatorId: string,
    change: Omit<OperatorChange, 'link'>,
    by: AuditedBy,
  ): Promise<Result<OperatorListed>> {
    const changed = await this.#options.store.change(operatorId, change, by);
    if (!changed.ok) return changed;
    const { before, after } = changed.value;
    if (before.role !== after.role || after.state !== 'active') await this.#signOut(before, after, by);
    return accepted(await this.#listed(after));
  }

  async operators(after: OperatorCursor | null, limit: number): Promise<OperatorListed[]> {
    const operators = await this.#options.store.operators(after, limit);
    return Promise.all(operators.map((one) => this.#listed(one)));
  }

  async #renew(operatorId: string, change: OperatorChange, by: AuditedBy): Promise<Result<Invitation>> {
    const { token, link } = newOperatorLink(by.atMs);
    const changed = await this.#options.store.change(operatorId, { ...change, link }, by);
    if (!changed.ok) return changed;
    const { before, after } = changed.value;
    await this.#signOut(before, after, by);
    return accepted(await this.#invitation(after, token, by));
  }

  /** Sessions are of a role: those of the one before. */
  async #signOut(before: Operator, after: Operator, { atMs }: AuditedBy): Promise<void> {
    for (const role of new Set([before.role, after.role]))
      await this.#options.sessions.endAll({ role, subject: after.operatorId, atMs });
  }

  async #invitation(operator: Operator, linkToken: string, { atMs }: AuditedBy): Promise<Invitation> {
    return {
      ...{ operator: await this.#listed(operator), linkToken },
      linkExpiresMs: atMs + OPERATOR_LINK_TTL_MS,
    };
  }

  async #listed(operator: Operator): Promise<OperatorListed> {
    const { operatorId, role, state, createdMs, lockedUntilMs } = operator;
    const { email } = await this.#options.vault.open(operator);
    return { operatorId, role, state, createdMs, lockedUntilMs, email };
  }
}
