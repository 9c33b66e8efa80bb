import { accountOf } from '../dispatch/desk.ts';
import { isOperatorRole } from '../domain/role.ts';
import type { AuditLog, Json } from '../store/audit-log.ts';
import type { Call, Handler } from './call.ts';

/** What an operator's change is called in the audit log, and what of it is told: nothing personal (see AuditEntry). */
export interface AuditedChange {
  readonly action: string;
  /** The path's parameter that names the object, and what kind of thing that is. */
  readonly kind: string;
  readonly param: string;
  /** Of the accepted value. */
  readonly after: (value: unknown) => Json;
}

export interface Audit {
  readonly log: Pick<AuditLog, 'append'>;
  readonly nowMs: () => number;
}

/**
 * The handler, with each accepted call of an operator in the audit log before it is answered. When the entry cannot be stored the client is told to ask
 * again: the change is then done already, and is told once more, rather than never.
 */
export function audited(handle: Handler, change: AuditedChange, { log, nowMs }: Audit): Handler {
  return async (call: Call) => {
    const result = await handle(call);
    const { principal, address, params } = call;
    if (!result.ok || principal === null || !isOperatorRole(principal.role)) return result;
    await log.append({
      ...{ atMs: nowMs(), actor: { role: principal.role, id: accountOf(principal) }, address },
      ...{ action: change.action, object: { kind: change.kind, id: params[change.param]! } },
      ...{ before: null, after: change.after(result.value) },
    });
    return result;
  };
}
