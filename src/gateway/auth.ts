import { jwtVerify, SignJWT } from 'jose';
import type { Principal } from '../dispatch/desk.ts';
import { type DriverId, isAccountId, type RiderId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { assert } from '../lib/assert.ts';
import { KeyedBuckets } from '../lib/token-bucket.ts';

/** Who a token speaks for, and until when (Unix milliseconds of the wall clock). */
export interface Identity {
  readonly principal: Principal;
  readonly expiresMs: number;
}

export interface AuthOptions {
  /** HS256 secrets of 32 bytes or more; the first signs, all are accepted, so that a secret can be changed in two steps. */
  readonly secrets: readonly Uint8Array[];
  /** Wall time: tokens are issued by others, whose clock does not run faster in a demo. */
  readonly wallNowMs: () => number;
  /** How far the issuer's clock may differ, seconds. */
  readonly toleranceS?: number;
  /** Verified tokens remembered, so that a request over REST costs no signature; the oldest goes. */
  readonly tokensCachedMax?: number;
  /** Wrong tokens from one address per second and at once, before it is refused unseen. */
  readonly failures?: { readonly perS: number; readonly burstMax: number };
}

/** Verifies tokens. A plain value for a token seen before, a promise otherwise: the edge answers without a wait if it can. */
export interface Auth {
  /**
   * The token's identity, `unauthorized` (missing, wrong, out of date), or `rate_limited` when `address` has sent too
   * many wrong ones. The promise never rejects.
   */
  authenticate(token: string | null, address: string): Result<Identity> | Promise<Result<Identity>>;
}

export type Role = Principal['role'];
/** Longer than any token of ours; a longer one is not looked at. */
const TOKEN_LENGTH_MAX = 2_048;
const ADDRESSES_MAX = 50_000;
const ALGORITHM = 'HS256';

type Secret = Uint8Array<ArrayBuffer>;
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;
const importSecret = (secret: Uint8Array): Promise<Key> => {
  assert(secret.byteLength >= 32, 'a token secret has at least 32 bytes');
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return crypto.subtle.importKey('raw', secret as Secret, algorithm, false, ['sign', 'verify']);
};

export function createAuth(options: AuthOptions): Auth {
  assert(options.secrets.length > 0, 'at least one token secret');
  const keys = Promise.all(options.secrets.map(importSecret));
  const failures = new KeyedBuckets(options.failures ?? { perS: 1, burstMax: 30 }, ADDRESSES_MAX);
  const cache = new Map<string, Identity>();
  const cachedMax = options.tokensCachedMax ?? 20_000;
  const toleranceS = options.toleranceS ?? 5;

  const remember = (token: string, identity: Identity): void => {
    if (cache.size >= cachedMax) {
      const oldest = cache.keys().next();
      if (!oldest.done) cache.delete(oldest.value);
    }
    cache.set(token, identity);
  };
  const check = async (token: string, address: string): Promise<Result<Identity>> => {
    for (const key of await keys) {
      const identity = await verified(token, key, options.wallNowMs(), toleranceS);
      if (identity === null) continue;
      remember(token, identity);
      return accepted(identity);
    }
    failures.take(address, options.wallNowMs());
    return rejected('unauthorized');
  };
  return {
    authenticate(token, address) {
      if (token === null || token === '') return rejected('unauthorized', 'no token');
      const known = cache.get(token);
      if (known !== undefined) {
        if (known.expiresMs > options.wallNowMs()) return accepted(known);
        cache.delete(token);
      }
      if (failures.isEmpty(address, options.wallNowMs())) return rejected('rate_limited');
      if (token.length > TOKEN_LENGTH_MAX) return rejected('unauthorized');
      return check(token, address);
    },
  };
}

/** The identity in a token signed with `key`, or null. The algorithm is pinned: a token cannot choose a weaker one. */
async function verified(
  token: string,
  key: Key,
  nowMs: number,
  toleranceS: number,
): Promise<Identity | null> {
  let claims;
  try {
    claims = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      clockTolerance: toleranceS,
      currentDate: new Date(nowMs),
      requiredClaims: ['exp', 'sub', 'role'],
    });
  } catch {
    // Every way a token can be wrong ends here, and the answer to all of them is the same.
    return null;
  }
  const { sub, role, exp } = claims.payload;
  const principal = typeof sub === 'string' ? principalOf(role, sub) : null;
  if (principal === null || exp === undefined) return null;
  return { principal, expiresMs: (exp + toleranceS) * 1000 };
}

function principalOf(role: unknown, subject: string): Principal | null {
  if (!isAccountId(subject)) return null;
  switch (role) {
    case 'driver':
      return { role, driverId: subject as DriverId };
    case 'rider':
      return { role, riderId: subject as RiderId };
    case 'operator':
      return { role, operatorId: subject };
    default:
      return null;
  }
}

/** Signs a token as the operator's account service would: for the command line, the demo and tests. */
export async function issueToken(token: {
  secret: Uint8Array;
  role: Role;
  subject: string;
  ttlS: number;
  wallNowMs: number;
}): Promise<string> {
  assert(isAccountId(token.subject), 'a subject is 1 to 64 of A-Z a-z 0-9 _ . : -');
  const nowS = Math.floor(token.wallNowMs / 1000);
  return new SignJWT({ role: token.role })
    .setProtectedHeader({ alg: ALGORITHM })
    .setSubject(token.subject)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + token.ttlS)
    .sign(await importSecret(token.secret));
}
