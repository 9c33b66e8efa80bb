import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { assert } from './assert.ts';
import { secretBytes } from './entropy.ts';

/** What opens what is sealed: 32 bytes, AES-256. */
export const KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';
/** The first byte of all that is sealed, so that another way can come beside this one. */
const VERSION = 1;
/** Random: of one key, 2^32 texts may be sealed before two nonces are likely to be the same (NIST SP 800-38D, 8.3). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES;

/** A data key as it may be stored: sealed by the key of this id. */
export interface WrappedKey {
  readonly keyId: string;
  readonly wrapped: Buffer;
}

/**
 * Holds the keys that wrap data keys: the operator's from the environment, or a KMS, which never shows its own. Both methods reject
 * with an EnvelopeError when there is no such key or what is wrapped was changed.
 */
export interface KeyKeeper {
  /** Of the key that wraps now; data keys under another one are wrapped anew by `hexdispatch rekey`. */
  readonly currentKeyId: string;
  wrap(dataKey: Uint8Array): Promise<WrappedKey>;
  unwrap(keyId: string, wrapped: Uint8Array): Promise<Buffer>;
}

/** What is sealed cannot be opened: another key, another context, or changed bytes. Holds nothing of the text. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
}

/** A key for the fields of one account. Deleting it, and its wrapped copies, erases all that it has sealed. */
export const newDataKey = (): Buffer => secretBytes(KEY_BYTES);

/** Seals a text so that it opens only with the same key and `context` (where it stands: `account:ID:phone`), which is not stored. 29 bytes longer than its UTF-8. */
export const sealText = (dataKey: Uint8Array, text: string, context: string): Buffer =>
  seal(dataKey, Buffer.from(text, 'utf8'), context);

/** The text, or an EnvelopeError. */
export const openText = (dataKey: Uint8Array, sealed: Uint8Array, context: string): string =>
  open(dataKey, sealed, context).toString('utf8');

/**
 * By which a sealed text can be looked up: HMAC-SHA-256, 32 bytes, the same for the same text. Without `secret` (32 bytes or more) it says nothing of the
 * text, not even to who tries all there are, as they could with a mere hash of a phone number.
 */
export function blindIndex(secret: Uint8Array, text: string): Buffer {
  assert(secret.byteLength >= KEY_BYTES, 'a blind index needs a secret of 32 bytes or more');
  return createHmac('sha256', secret).update('blind-index:').update(text).digest();
}

/** A key of the operator's, and the name that wrapped keys know it by. */
export interface NamedKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** Keeps keys in memory: the first wraps, all unwrap. At least one, ids differ, 32 bytes each. */
export function createKeyKeeper(keys: readonly NamedKey[]): KeyKeeper {
  const byId = new Map(keys.map(({ id, key }) => [id, key]));
  const current = keys[0];
  assert(current !== undefined && byId.size === keys.length, 'one key or more, each with an id of its own');
  assert(
    keys.every(({ key }) => key.byteLength === KEY_BYTES),
    'keys have 32 bytes',
  );
  return {
    currentKeyId: current.id,
    wrap: (dataKey) =>
      Promise.resolve({ keyId: current.id, wrapped: seal(current.key, dataKey, wrapContext(current.id)) }),
    unwrap: (keyId, wrapped) =>
      // What is thrown in here rejects.
      new Promise((resolve) => {
        const key = byId.get(keyId);
        if (key === undefined) throw new EnvelopeError(`no key is called ${keyId}`);
        resolve(open(key, wrapped, wrapContext(keyId)));
      }),
  };
}

const wrapContext = (keyId: string): string => `data-key:${keyId}`;

function seal(key: Uint8Array, plain: Uint8Array, context: string): Buffer {
  const nonce = secretBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(aadOf(context));
  const sealed = cipher.update(plain);
  return Buffer.concat([Buffer.of(VERSION), nonce, sealed, cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array, sealed: Uint8Array, context: string): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < HEAD_BYTES + TAG_BYTES || bytes[0] !== VERSION)
    throw new EnvelopeError('this was not sealed here');
  const end = bytes.length - TAG_BYTES;
  const cipher = createDecipheriv(CIPHER, key, bytes.subarray(1, HEAD_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(aadOf(context))
    .setAuthTag(bytes.subarray(end));
  try {
    return Buffer.concat([cipher.update(bytes.subarray(HEAD_BYTES, end)), cipher.final()]);
  } catch (cause) {
    throw new EnvelopeError('another key or context, or changed bytes', { cause });
  }
}

/** The version is vouched for as well. */
const aadOf = (context: string): Buffer => Buffer.concat([Buffer.of(VERSION), Buffer.from(context, 'utf8')]);
