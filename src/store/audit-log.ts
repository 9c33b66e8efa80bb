import type { Role } from '../domain/role.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * One thing done by an operator, or one sign-in. Nothing in it is personal, for it cannot be erased: ids stand for people, and of a
 * personal field only the name is told.
 */
export interface AuditEntry {
  /** Unix ms. */
  readonly atMs: number;
  /** Null: nobody is known, as with a sign-in to an account that does not exist. */
  readonly actor: { readonly role: Role; readonly id: string } | null;
  /** The client's; null for what the machine's owner did at the command line. */
  readonly address: string | null;
  /** `driver.approve`: what kind of thing, and what was done. */
  readonly action: string;
  readonly object: { readonly kind: string; readonly id: string };
  /** What changed, as it was and as it is now; null where there was or is nothing. */
  readonly before: Json;
  readonly after: Json;
}

export interface AuditRecord extends AuditEntry {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Of this entry and all before it: SHA-256, hex. */
  readonly hash: string;
}

/** What is looked for: all that is given must fit. */
export interface AuditFilter {
  readonly actorId?: string;
  readonly action?: string;
  readonly objectKind?: string;
  readonly objectId?: string;
  /** Unix ms: from, inclusive, and to, exclusive. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Only entries before this one. */
  readonly beforeSeq?: number;
}

/** Every change by an operator and every sign-in, in one order for all replicas, only ever added to. */
export interface AuditLog {
  /** Resolves when the entry is durable. What must not happen without its entry is stored in one transaction with it instead, by its own store. */
  append(entry: AuditEntry): Promise<void>;
  /** The newest first, at most `limit`. */
  search(filter: AuditFilter, limit: number): Promise<AuditRecord[]>;
}
