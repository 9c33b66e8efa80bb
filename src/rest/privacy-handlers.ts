import type { Privacy } from '../accounts/privacy.ts';
import { accountOf } from '../dispatch/desk.ts';
import { reachOf } from '../domain/permission.ts';
import { rejected } from '../domain/rejection.ts';
import type { PRIVACY_OPERATIONS } from '../protocol/rest-privacy.ts';
import type { ChangedBy } from '../store/account-store.ts';
import type { Call, HandlersOf } from './call.ts';

/** The handlers of what people may ask of their data: their own, or an admin for anybody. */
export function createPrivacyHandlers(
  privacy: Privacy,
  wallNowMs: () => number,
): HandlersOf<typeof PRIVACY_OPERATIONS> {
  return {
    exportAccount: (call) => {
      const by = changedBy(call, wallNowMs());
      const accountId = call.params.accountId!;
      if (call.principal === null || by === null) return rejected('unauthorized');
      if (reachOf(call.principal.role, 'account.export') === 'any') return privacy.export(accountId, by);
      return accountId === accountOf(call.principal)
        ? privacy.export(accountId, null)
        : rejected('not_found');
    },
    eraseAccount: (call) => {
      const by = changedBy(call, wallNowMs());
      const accountId = call.params.accountId!;
      if (call.principal === null || by === null) return rejected('unauthorized');
      const isTheirs =
        accountId === accountOf(call.principal) || reachOf(call.principal.role, 'account.erase') === 'any';
      return isTheirs ? privacy.erase(accountId, by) : rejected('not_found');
    },
  };
}

function changedBy({ principal, address }: Call, atMs: number): ChangedBy | null {
  if (principal === null) return null;
  return { actor: { role: principal.role, id: accountOf(principal) }, address, atMs };
}
