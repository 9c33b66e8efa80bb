import type { Claims } from '../../geo/claims.ts';
import type { UnreliableCalls } from './unreliable-call.ts';

/** Claims over a line that is slow and fails. `current`: the claims as they are now, for they may be emptied. */
export function createUnreliableClaims(calls: UnreliableCalls, current: () => Claims): Claims {
  return {
    claim: (requests) => calls.call(() => current().claim(requests)),
    release: (releases) => calls.call(() => current().release(releases)),
  };
}
