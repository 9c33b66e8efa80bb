import { createHash } from 'node:crypto';
import type { CommandKey } from '../store/trip-store.ts';

/**
 * The idempotency key of a command: the client's id, bound to the account and to what was asked (R5). The fingerprint is
 * a SHA-256 of the content, keys sorted, so that both encodings and both doors give the same one.
 */
export function commandKey(
  accountId: string,
  command: { readonly id: string; readonly t: string },
): CommandKey {
  const { id, ...content } = command;
  const fingerprint = createHash('sha256').update(canonical(content)).digest('base64url').slice(0, 22);
  return { accountId, key: id, fingerprint };
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
