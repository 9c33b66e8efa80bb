import fc from 'fast-check';
import { jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuth, issueToken, keyIdOf } from '../../src/gateway/auth.ts';

const secret = new Uint8Array(32).fill(1);
const older = new Uint8Array(48).fill(2);
const NOW_MS = 1_767_225_600_000;
const authAt = (nowMs = NOW_MS, failures = { perS: 1e6, burstMax: 1e6 }) =>
  createAuth({ secrets: [secret, older], wallNowMs: () => nowMs, failures });
const issue = (changes: object = {}) =>
  issueToken({ secret, role: 'driver', subject: 'driver-1', ttlS: 60, wallNowMs: NOW_MS, ...changes });

const REFUSED = { ok: false, code: 'unauthorized' };

describe('a token', () => {
  it('of ours is verified, by any of the secrets, until it runs out', async () => {
    const principal = { role: 'driver', driverId: 'driver-1' };
    const value = { principal, expiresMs: NOW_MS + 65_000, sessionId: null };
    for (const token of [await issue(), await issue({ secret: older })]) {
      const auth = authAt();
      expect(auth.authenticate(token, 'a')).toEqual({ ok: true, value });
      expect(auth.authenticate(token, 'a')).toEqual({ ok: true, value });
      expect(authAt(NOW_MS + 64_999).authenticate(token, 'a').ok).toBe(true);
      expect(authAt(NOW_MS + 65_000).authenticate(token, 'a')).toEqual(REFUSED);
    }
  });

  it('says which secret has signed it, and is tried with no other', async () => {
    const sign = (kid: string | undefined, key: Uint8Array) =>
      new SignJWT({ role: 'driver' })
        .setProtectedHeader({ alg: 'HS256', ...(kid === undefined ? {} : { kid }) })
        .setSubject('driver-1')
        .setExpirationTime(NOW_MS / 1000 + 60)
        .sign(key);
    const { protectedHeader } = await jwtVerify(await issue(), secret, { currentDate: new Date(NOW_MS) });
    expect(protectedHeader).toEqual({ alg: 'HS256', kid: keyIdOf(secret) });
    expect(keyIdOf(secret)).toMatch(/^[\w-]{11}$/);
    expect(keyIdOf(older)).not.toBe(keyIdOf(secret));
    const isGood = async (kid: string | undefined, key: Uint8Array) =>
      authAt().authenticate(await sign(kid, key), 'a').ok;
    expect(await isGood(keyIdOf(older), older)).toBe(true);
    expect(await isGood(undefined, older)).toBe(true);
    expect(await isGood(keyIdOf(secret), older)).toBe(false);
    expect(await isGood('another', secret)).toBe(false);
  });

  it('seen before is refused once it has run out', async () => {
    let nowMs = NOW_MS;
    const auth = createAuth({ secrets: [secret], wallNowMs: () => nowMs });
    const token = await issue();
    expect(auth.authenticate(token, 'a').ok).toBe(true);
    nowMs += 65_000;
    expect(auth.authenticate(token, 'a')).toEqual(REFUSED);
  });

  it('carries its session, and is refused once that has ended, remembered or not, without counting against the address', async () => {
    const ended = new Set<string>();
    const auth = createAuth({
      secrets: [secret],
      wallNowMs: () => NOW_MS,
      isRevoked: ({ sessionId }) => sessionId !== null && ended.has(sessionId),
      failures: { perS: 0.001, burstMax: 1 },
    });
    const [one, other] = [await issue({ sessionId: 's-1' }), await issue({ sessionId: 's-2' })];
    expect(auth.authenticate(one, 'a')).toMatchObject({ ok: true, value: { sessionId: 's-1' } });
    expect(auth.authenticateOnce(other, 'a')).toMatchObject({ ok: true, value: { sessionId: 's-2' } });
    ended.add('s-1').add('s-2');
    for (const token of [one, other, one, other])
      expect(auth.authenticate(token, 'a')).toMatchObject(REFUSED);
    expect(auth.authenticate(await issue(), 'a').ok).toBe(true);
  });

  it('of another secret, algorithm, role, subject or time is refused', async () => {
    const sign = (claims: Record<string, unknown>, alg = 'HS256', key = secret, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(key);
    const good = { sub: 'driver-1', role: 'driver', exp: NOW_MS / 1000 + 60 };
    const long = new Uint8Array(64).fill(3);
    expect(authAt().authenticate(await sign(good), 'a').ok).toBe(true);
    const wrong = [
      await sign(good, 'HS256', new Uint8Array(32).fill(9)),
      await new SignJWT(good).setProtectedHeader({ alg: 'HS512' }).sign(long),
      await sign({ ...good, role: 'operator' }),
      await sign({ ...good, sid: 7 }),
      await sign({ ...good, sub: 'a b' }),
      await sign({ ...good, nbf: NOW_MS / 1000 + 30 }),
      await sign({ sub: good.sub, role: good.role }),
      await sign({ exp: good.exp, role: good.role }),
      await sign({ sub: good.sub, exp: good.exp }),
      '',
      'a.b',
      '..',
      `${await sign(good)}.x`,
      `${(await sign(good)).split('.').slice(0, 2).join('.')}.`,
      'x'.repeat(3_000),
    ];
    const auth = createAuth({
      secrets: [secret, long],
      wallNowMs: () => NOW_MS,
      failures: { perS: 1, burstMax: 99 },
    });
    for (const token of wrong) expect(auth.authenticate(token, 'a')).toMatchObject(REFUSED);
    expect(auth.authenticate(null, 'a')).toMatchObject(REFUSED);
  });

  it('is judged as jose judges it, whatever was changed in it', async () => {
    const token = await issue();
    const changes = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'abcXYZ019-_.=')), { maxLength: 2 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const chars = [...token];
        for (const [at, char] of list) chars[at % chars.length] = char;
        const changed = chars.join('');
        const options = { algorithms: ['HS256'], currentDate: new Date(NOW_MS) };
        const byJose = await jwtVerify(changed, secret, options).then(
          () => true,
          () => false,
        );
        expect(authAt().authenticate(changed, 'a').ok).toBe(byJose);
        if (!byJose) refused += 1;
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

describe('an address', () => {
  it.each(['authenticate', 'authenticateOnce'] as const)(
    'with too many wrong tokens is refused, others are not, and a known token still passes (R10): %s',
    async (door) => {
      const auth = authAt(NOW_MS, { perS: 0.001, burstMax: 2 });
      const [known, unknown] = [await issue(), await issue({ subject: 'driver-2' })];
      expect(auth[door](known, 'bad').ok).toBe(true);
      expect(auth[door]('a.b.c', 'bad')).toMatchObject(REFUSED);
      expect(auth[door]('a.b.c', 'bad')).toMatchObject(REFUSED);
      expect(auth[door]('a.b.c', 'bad')).toMatchObject({ code: 'rate_limited' });
      expect(auth[door]('a.b.c', 'good')).toMatchObject(REFUSED);
      expect(auth[door](unknown, 'bad')).toMatchObject({ code: 'rate_limited' });
      expect(auth[door](known, 'bad').ok).toBe(true);
    },
  );

  it('with too many wrong tokens gets no look at one that borrows the signature of a known one (R10)', async () => {
    const auth = authAt(NOW_MS, { perS: 0.001, burstMax: 1 });
    const [known, other] = [await issue(), await issue({ subject: 'driver-2' })];
    expect(auth.authenticateOnce(known, 'bad').ok).toBe(true);
    expect(auth.authenticateOnce('a.b.c', 'bad')).toMatchObject(REFUSED);
    const [header, payload] = other.split('.');
    const forged = [header, payload, known.split('.')[2]].join('.');
    expect(auth.authenticateOnce(forged, 'bad')).toMatchObject({ code: 'rate_limited' });
    expect(auth.authenticateOnce(known, 'bad').ok).toBe(true);
  });
});
