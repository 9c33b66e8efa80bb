import { createHmac } from 'node:crypto';
import type { Phone } from '../domain/phone.ts';
import { assert } from '../lib/assert.ts';
import {
  blindIndex,
  type KeyKeeper,
  newDataKey,
  openText,
  sealText,
  type WrappedKey,
} from '../lib/envelope.ts';
import type { AccountKind, StoredAccount } from '../store/account-store.ts';

/** The fields of an account that are sealed. */
export type PersonalField = 'phone' | 'name' | 'plate';

const contextOf = (accountId: string, field: PersonalField): string => `account:${accountId}:${field}`;

/** Seals and opens what of accounts nobody may read from the database. Rejects with an EnvelopeError when a key is missing. */
export class AccountVault {
  readonly #keeper: KeyKeeper;
  readonly #lookupSecret: Uint8Array;

  constructor(keeper: KeyKeeper, lookupSecret: Uint8Array) {
    this.#keeper = keeper;
    this.#lookupSecret = lookupSecret;
  }

  phoneIndex(phone: Phone): Buffer {
    return blindIndex(this.#lookupSecret, `account-phone:${phone}`);
  }

  /** What is kept of a code: worthless without the secret, also to who tries all million. */
  codeHash(kind: AccountKind, phone: Phone, code: string): Buffer {
    return createHmac('sha256', this.#lookupSecret).update(`sign-in-code:${kind}:${phone}:${code}`).digest();
  }

  async sealPhone(accountId: string, phone: Phone): Promise<{ phoneSealed: Buffer; dataKey: WrappedKey }> {
    const key = newDataKey();
    const phoneSealed = sealText(key, phone, contextOf(accountId, 'phone'));
    return { phoneSealed, dataKey: await this.#keeper.wrap(key) };
  }

  /** Of an account that is not erased. */
  async seal(account: StoredAccount, field: PersonalField, text: string): Promise<Buffer> {
    return sealText(await this.keyOf(account), text, contextOf(account.accountId, field));
  }

  /** Null where there is nothing. */
  async open(account: StoredAccount, field: PersonalField, sealed: Buffer | null): Promise<string | null> {
    if (sealed === null || account.dataKey === null) return null;
    return openText(await this.keyOf(account), sealed, contextOf(account.accountId, field));
  }

  private keyOf({ dataKey }: StoredAccount): Promise<Buffer> {
    assert(dataKey !== null, 'an account that is not erased has a key');
    return this.#keeper.unwrap(dataKey.keyId, dataKey.wrapped);
  }
}
