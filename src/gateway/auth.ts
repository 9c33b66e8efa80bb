import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { SignJWT } from 'jose';
import { Type } from 'typebox';
import type { Principal } from '../dispatch/desk.ts';
import { type DriverId, isAccountId, type RiderId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { isRole, type Role } from '../domain/role.ts';
import { assert } from '../lib/assert.ts';
import { KeyedBuckets } from '../lib/token-bucket.ts';
import { readJson } from '../protocol/json-reader.ts';
import { compileCheck, type SchemaCheck } from '../protocol/schema-check.ts';

/** Who a token speaks for, and until when (Unix milliseconds of the wall clock). */
export interface Identity {
  readonly principal: Principal;
  readonly expiresMs: number;
  /** The session it was issued in (`sid`); null when whoever signed it keeps none here. */
  readonly sessionId: string | null;
}

export interface AuthOptions {
  /** HS256 secrets of 32 bytes or more; the first signs, all are accepted, so that a secret can be changed without ending the tokens it has signed. */
  readonly secrets: readonly Uint8Array[];
  /** Wall time: tokens are issued by others, whose clock does not run faster in a demo. */
  readonly wallNowMs: () => number;
  /** What was good once and is not any more: the session has ended, the account is suspended. Asked for each token, also for a remembered one. */
  readonly isRevoked?: (identity: Identity) => boolean;
  /** How far the issuer's clock may differ, seconds. */
  readonly toleranceS?: number;
  /** Verified tokens remembered, so that a request over REST costs no signature; the oldest goes. */
  readonly tokensCachedMax?: number;
  /** Wrong tokens from one address per second and at once, before it is refused unseen. */
  readonly failures?: { readonly perS: number; readonly burstMax: number };
}

/**
 * Verifies tokens (JWT, HS256, `exp`, `sub`, `role`; RFC 7519, 7515) without a wait: an upgrade must be answered inside its
 * handler. uWebSockets.js can also upgrade later, but then either in a corked callback, after which it now and then closes
 * the new socket (7 of 40 fresh processes lost some of their first connections so, none without the cork), or outside of
 * one, with a warning on stderr for each. jose verifies with a promise only: it signs ours, and the tests compare with it.
 */
export interface Auth {
  /**
   * The token's identity, `unauthorized` (missing, wrong, out of date), or `rate_limited` when `address` has sent too
   * many wrong ones. A good token is remembered: the next request brings it again.
   */
  authenticate(token: string | null, address: string): Result<Identity>;
  /** The same for who stays once let in: of the token only a mark is kept, for with what it says it weighs as much as a socket. */
  authenticateOnce(token: string | null, address: string): Result<Identity>;
}

/** Longer than any token of ours; a longer one is not looked at. */
const TOKEN_LENGTH_MAX = 2_048;
const ADDRESSES_MAX = 50_000;
/** Tokens whose marks are kept; the oldest goes. More than a process has sockets. */
const WELCOME_MAX = 120_000;
const ALGORITHM = 'HS256';

/** A secret, and the name that tokens call it by (`kid`, RFC 7515). */
interface SigningKey {
  readonly id: string;
  readonly key: KeyObject;
}

const signingKey = (secret: Uint8Array): SigningKey => {
  assert(secret.byteLength >= 32, 'a token secret has at least 32 bytes');
  return { id: keyIdOf(secret), key: createSecretKey(secret) };
};

/**
 * What tokens call a secret by: 64 bits of its hash, so that nobody has to think of names, and all replicas and whoever else signs come to the same one. The hash of
 * 32 random bytes says nothing of them.
 */
export function keyIdOf(secret: Uint8Array): string {
  return createHash('sha256').update('hexdispatch kid').update(secret).digest('base64url').slice(0, 11);
}

export function createAuth(options: AuthOptions): Auth {
  assert(options.secrets.length > 0, 'at least one token secret');
  const keys = options.secrets.map(signingKey);
  const failures = new KeyedBuckets(options.failures ?? { perS: 1, burstMax: 30 }, ADDRESSES_MAX);
  const cache = new Map<string, Identity>();
  const cachedMax = options.tokensCachedMax ?? 20_000;
  const isRevoked = options.isRevoked ?? ((): boolean => false);
  const toleranceMs = (options.toleranceS ?? 5) * 1000;

  /** Marks of tokens that were good: an address that others send wrong ones from is not shut to who has been in before. */
  const welcome = new Set<number>();

  const authenticateOnce = (token: string | null, address: string): Result<Identity> => {
    if (token === null || token === '') return rejected('unauthorized', 'no token');
    const nowMs = options.wallNowMs();
    const known = cache.get(token);
    if (known !== undefined && known.expiresMs > nowMs && !isRevoked(known)) return accepted(known);
    cache.delete(token);
    const isShut = failures.isEmpty(address, nowMs);
    // Too long to be one of ours: not even a mark is made of it.
    if (token.length > TOKEN_LENGTH_MAX) {
      failures.take(address, nowMs);
      return rejected(isShut ? 'rate_limited' : 'unauthorized');
    }
    if (isShut && !welcome.has(markOf(token, keys[0]!.key))) return rejected('rate_limited');
    const identity = identityIn(token, keys, nowMs, toleranceMs);
    // No failure of the address's: an app that was signed out goes on for a moment with what it has.
    if (identity !== null && isRevoked(identity)) return rejected('unauthorized', 'the session has ended');
    if (identity === null) {
      failures.take(address, nowMs);
      return rejected('unauthorized');
    }
    makeRoom(welcome, WELCOME_MAX);
    welcome.add(markOf(token, keys[0]!.key));
    return accepted(identity);
  };
  return {
    authenticateOnce,
    authenticate(token, address) {
      const identity = authenticateOnce(token, address);
      if (!identity.ok || cache.has(token!)) return identity;
      makeRoom(cache, cachedMax);
      cache.set(token!, identity.value);
      return identity;
    },
  };
}

/** Lets the oldest go when there are `max`. */
function makeRoom<Key>(known: Map<Key, unknown> | Set<Key>, max: number): void {
  if (known.size < max) return;
  const oldest = known.keys().next();
  if (oldest.done !== true) known.delete(oldest.value);
}

/**
 * 30 bits of a keyed hash of the whole token: a number that takes no memory beside its place in a set. Without the secret nobody can make a token with
 * the mark of another's; who hits upon one by chance is looked at as one who has sent no wrong token, no more.
 */
function markOf(token: string, key: KeyObject): number {
  return createHmac('sha256', key).update('mark:').update(token).digest().readUInt32LE() & 0x3fff_ffff;
}

const checkHeader = compileCheck(
  Type.Object({
    alg: Type.Literal(ALGORITHM),
    kid: Type.Optional(Type.String()),
    crit: Type.Optional(Type.Never()),
  }),
);
const checkClaims = compileCheck(
  Type.Object({
    sub: Type.String(),
    role: Type.String(),
    exp: Type.Number(),
    nbf: Type.Optional(Type.Number()),
    sid: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  }),
);
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * The identity in a token that one of `keys` has signed, or null. Before the signature is known good only the header is read: the algorithm is pinned, so that a token
 * cannot choose another, and `kid` says which key to try. A token without one, as account services sign that know of a single secret, is tried with each.
 */
function identityIn(
  token: string,
  keys: readonly SigningKey[],
  nowMs: number,
  toleranceMs: number,
): Identity | null {
  const parts = token.split('.');
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || !parts.every((part) => BASE64URL.test(part))) return null;
  const head = partOf(header!, checkHeader);
  if (!head.ok) return null;
  const { kid } = head.value;
  const given = Buffer.from(signature!, 'base64url');
  const isSigned = keys.some(({ id, key }) => {
    if (kid !== undefined && kid !== id) return false;
    const expected = createHmac('sha256', key).update(`${header}.${payload}`).digest();
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (!isSigned) return null;
  const claims = partOf(payload!, checkClaims);
  if (!claims.ok) return null;
  const { sub, role, exp, nbf, sid } = claims.value;
  const expiresMs = exp * 1000 + toleranceMs;
  if (expiresMs <= nowMs || (nbf !== undefined && nbf * 1000 > nowMs + toleranceMs)) return null;
  const principal = principalOf(role, sub);
  return principal === null ? null : { principal, expiresMs, sessionId: sid ?? null };
}

/** One base64url part of a token as JSON of the given shape. */
function partOf<T>(part: string, check: SchemaCheck<T>): Result<T> {
  const parsed = readJson(Buffer.from(part, 'base64url'));
  return parsed.ok ? check(parsed.value) : parsed;
}

function principalOf(role: string, subject: string): Principal | null {
  if (!isAccountId(subject) || !isRole(role)) return null;
  switch (role) {
    case 'driver':
      return { role, driverId: subject as DriverId };
    case 'rider':
      return { role, riderId: subject as RiderId };
    default:
      return { role, operatorId: subject };
  }
}

/** Signs a token as the operator's account service would: for the command line, the demo and tests. */
export async function issueToken(token: {
  secret: Uint8Array;
  role: Role;
  subject: string;
  ttlS: number;
  wallNowMs: number;
  sessionId?: string;
}): Promise<string> {
  assert(isAccountId(token.subject), 'a subject is 1 to 64 of A-Z a-z 0-9 _ . : -');
  const nowS = Math.floor(token.wallNowMs / 1000);
  const { id, key } = signingKey(token.secret);
  const sid = token.sessionId === undefined ? {} : { sid: token.sessionId };
  return new SignJWT({ role: token.role, ...sid })
    .setProtectedHeader({ alg: ALGORITHM, kid: id })
    .setSubject(token.subject)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + token.ttlS)
    .sign(key);
}
