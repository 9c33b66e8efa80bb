import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { OperatorRole } from '../domain/role.ts';
import { randomUuidV7, secretBytes } from '../lib/entropy.ts';
import { type BucketRate, KeyedBuckets } from '../lib/token-bucket.ts';
import type { AuditedBy } from '../store/operator-store.ts';
import type { ServiceKey, ServiceKeyCursor, ServiceKeyStore } from '../store/service-key-store.ts';
import { hashOfSecret } from './operator-vault.ts';

/** What keys begin with, so that one is known for what it is wherever it turns up. */
const KEY_PREFIX = 'hdk_';
const KEY_BYTES = 32;
const KEY = /^hdk_[A-Za-z0-9_-]{43}$/;
/** What their ids begin with: they stand where an operator's does. */
const ID_PREFIX = 'key-';

/** What was read of a key is believed for so long, ms; that it was ended is known at once. */
const CACHED_MS = 60_000;
const CACHED_MAX = 1_000;
/** Wrong keys of one address; those above are not looked up. */
const FAILURES: BucketRate = { perS: 1, burstMax: 30 };
const ADDRESSES_MAX = 50_000;

export interface ServiceKeysOptions {
  readonly store: ServiceKeyStore;
  /** The wall's. */
  readonly wallNowMs: () => number;
  /** Known to have ended, here or elsewhere, within the last minutes. */
  readonly isEnded: (keyId: string) => boolean;
  /** Told once the store has it: every replica is to know. */
  readonly onEnded: (keyIds: readonly string[]) => void;
}

/** Whom a key speaks for. */
export interface KeyHolder {
  readonly role: OperatorRole;
  /** The key's id. */
  readonly operatorId: string;
  readonly expiresMs: number;
}

/** True for a text that is a service key and no token; whether it is good is not said. */
export const isServiceKey = (text: string): boolean => text.startsWith(KEY_PREFIX);

/** True for the account of a key: a machine, and no person. */
export const isKeyHolder = (operatorId: string): boolean => operatorId.startsWith(ID_PREFIX);

/** Keys that machines act with: made, listed, ended and looked up. */
export class ServiceKeys {
  readonly #options: ServiceKeysOptions;
  readonly #cache = new Map<string, { readonly key: ServiceKey; readonly untilMs: number }>();
  readonly #failures = new KeyedBuckets(FAILURES, ADDRESSES_MAX);

  constructor(options: ServiceKeysOptions) {
    this.#options = options;
  }

  /** The key, to be told here and nowhere else, and what is kept of it. It ends by itself, since some are forgotten. */
  async make(
    wish: { readonly role: OperatorRole; readonly name: string; readonly ttlMs: number },
    by: AuditedBy & { readonly actor: NonNullable<AuditedBy['actor']> },
  ): Promise<{ secret: string; key: ServiceKey }> {
    const { atMs, actor } = by;
    const secret = KEY_PREFIX + secretBytes(KEY_BYTES).toString('base64url');
    const key: ServiceKey = {
      ...{ keyId: ID_PREFIX + randomUuidV7(atMs), role: wish.role, name: wish.name, createdBy: actor.id },
      ...{ createdMs: atMs, expiresMs: atMs + wish.ttlMs, endedMs: null },
    };
    await this.#options.store.make({ ...key, hash: hashOfSecret(secret) }, by);
    return { secret, key };
  }

  keys(after: ServiceKeyCursor | null, limit: number): Promise<ServiceKey[]> {
    return this.#options.store.keys(after, limit);
  }

  /** From now on it is refused everywhere; `not_found` when there is none. */
  async end(keyId: string, by: AuditedBy): Promise<Result<ServiceKey>> {
    const ended = await this.#options.store.end(keyId, by);
    if (ended === null) return rejected('not_found');
    this.#options.onEnded([keyId]);
    return accepted(ended);
  }

  /** Whom the key speaks for; `unauthorized` when it is none, over or ended; `rate_limited` when `address` has sent too many wrong ones. */
  async lookUp(secret: string, address: string): Promise<Result<KeyHolder>> {
    const { wallNowMs, isEnded } = this.#options;
    const nowMs = wallNowMs();
    const hash = hashOfSecret(secret);
    const known = this.#cached(hash, nowMs);
    if (known === null && this.#failures.isEmpty(address, nowMs)) return rejected('rate_limited');
    const key = known ?? (KEY.test(secret) ? await this.#read(hash, nowMs) : null);
    if (key === null || key.endedMs !== null || key.expiresMs <= nowMs || isEnded(key.keyId)) {
      this.#failures.take(address, nowMs);
      return rejected('unauthorized');
    }
    return accepted({ role: key.role, operatorId: key.keyId, expiresMs: key.expiresMs });
  }

  #cached(hash: Buffer, nowMs: number): ServiceKey | null {
    const name = hash.toString('base64');
    const cached = this.#cache.get(name);
    if (cached !== undefined && cached.untilMs > nowMs) return cached.key;
    this.#cache.delete(name);
    return null;
  }

  async #read(hash: Buffer, nowMs: number): Promise<ServiceKey | null> {
    const key = await this.#options.store.byHash(hash);
    if (key === null || key.endedMs !== null) return null;
    if (this.#cache.size >= CACHED_MAX) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(hash.toString('base64'), { key, untilMs: nowMs + CACHED_MS });
    return key;
  }
}
