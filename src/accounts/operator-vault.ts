import { createHash } from 'node:crypto';
import { secretBytes } from '../lib/entropy.ts';
import {
  blindIndex,
  type KeyKeeper,
  newDataKey,
  openText,
  sealText,
  type WrappedKey,
} from '../lib/envelope.ts';
import type { Operator, OperatorLink } from '../store/operator-store.ts';

/** What of an operator is sealed, open. */
export interface OpenedOperator {
  readonly email: string;
  /** Null before the link was used. */
  readonly totpSecret: Buffer | null;
}

const emailContext = (operatorId: string): string => `operator:${operatorId}:email`;
const totpContext = (operatorId: string): string => `operator:${operatorId}:totp`;

/** Seals and opens what of operators nobody may read from the database. */
export class OperatorVault {
  readonly #keeper: KeyKeeper;
  readonly #lookupSecret: Uint8Array;

  constructor(keeper: KeyKeeper, lookupSecret: Uint8Array) {
    this.#keeper = keeper;
    this.#lookupSecret = lookupSecret;
  }

  emailIndex(email: string): Buffer {
    return blindIndex(this.#lookupSecret, `operator-email:${email}`);
  }

  async sealEmail(operatorId: string, email: string): Promise<{ emailSealed: Buffer; dataKey: WrappedKey }> {
    const key = newDataKey();
    const emailSealed = sealText(key, email, emailContext(operatorId));
    return { emailSealed, dataKey: await this.#keeper.wrap(key) };
  }

  async sealTotp({ operatorId, dataKey }: Operator, secret: Buffer): Promise<Buffer> {
    const key = await this.#keeper.unwrap(dataKey.keyId, dataKey.wrapped);
    return sealText(key, secret.toString('base64'), totpContext(operatorId));
  }

  async open({ operatorId, dataKey, emailSealed, totpSealed }: Operator): Promise<OpenedOperator> {
    const key = await this.#keeper.unwrap(dataKey.keyId, dataKey.wrapped);
    const email = openText(key, emailSealed, emailContext(operatorId));
    const totpSecret =
      totpSealed === null ? null : Buffer.from(openText(key, totpSealed, totpContext(operatorId)), 'base64');
    return { email, totpSecret };
  }
}

/** How long a link to set password and code device is good, ms. */
export const OPERATOR_LINK_TTL_MS = 24 * 3_600_000;
const LINK_BYTES = 32;

/** A new link: its token, to be told once, and what is kept of it. */
export function newOperatorLink(atMs: number): { token: string; link: OperatorLink } {
  const token = secretBytes(LINK_BYTES).toString('base64url');
  return { token, link: { hash: hashOfSecret(token), expiresMs: atMs + OPERATOR_LINK_TTL_MS } };
}

/** SHA-256 is enough for what is random: there is nothing to guess (OWASP ASVS 2.9 asks for more of what people choose). */
export const hashOfSecret = (text: string): Buffer => createHash('sha256').update(text).digest();
