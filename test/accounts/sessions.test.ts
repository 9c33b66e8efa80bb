import { describe, expect, it } from 'vitest';
import type { SessionTokens } from '../../src/accounts/session-opener.ts';
import type { Result } from '../../src/domain/rejection.ts';
import { newPhone } from '../integration/phones.ts';
import { freshDatabase } from '../stores.ts';
import { SignInOffice } from './sign-in-office.ts';

const { sql } = await freshDatabase();
const office = new SignInOffice(sql);
const RETRY_MS = 10_000;
const DAY_MS = 24 * 3_600_000;

const open = async (): Promise<SessionTokens> => (await office.signedIn(newPhone())).tokens;
function next(refreshed: Result<SessionTokens>): SessionTokens {
  if (!refreshed.ok) throw new Error(`not refreshed: ${refreshed.detail}`);
  return refreshed.value;
}

describe('a session', () => {
  it('R5: answers the same refresh token for ten seconds, and ends when one comes later', async () => {
    const { refreshToken: first, sessionId } = await open();
    const { refreshToken: second } = next(await office.refresh(first));
    office.nowMs += RETRY_MS;
    expect(next(await office.refresh(first)).refreshToken).toBe(second);
    expect(office.ended.has(sessionId)).toBe(false);
    office.nowMs += 1;
    for (const token of [first, second])
      expect(await office.refresh(token)).toMatchObject({ code: 'unauthorized' });
    expect(office.ended.has(sessionId)).toBe(true);
    const [row] = await sql`select end_reason from sessions where session_id = ${sessionId}`;
    expect(row).toEqual({ end_reason: 'reused' });
  });

  it('ends when a token before the last comes back, however soon', async () => {
    const { refreshToken: first } = await open();
    const { refreshToken: second } = next(await office.refresh(first));
    const { refreshToken: third } = next(await office.refresh(second));
    for (const token of [first, third])
      expect(await office.refresh(token)).toMatchObject({ code: 'unauthorized' });
  });

  it('R5: goes on one step when the same token comes many times at once', async () => {
    const { refreshToken, sessionId } = await open();
    const answers = await Promise.all(Array.from({ length: 12 }, () => office.refresh(refreshToken)));
    expect(new Set(answers.map((answer) => next(answer).refreshToken)).size).toBe(1);
    expect(await office.sessionStore.session(sessionId)).toMatchObject({ generation: 2, endedMs: null });
  });

  it('is over thirty days after the last refresh', async () => {
    const [kept, left] = [await open(), await open()];
    office.nowMs += 30 * DAY_MS - 1;
    const { refreshToken } = next(await office.refresh(kept.refreshToken));
    office.nowMs += 1;
    expect(await office.refresh(left.refreshToken)).toMatchObject({ code: 'unauthorized' });
    office.nowMs += 30 * DAY_MS - 2;
    expect(await office.refresh(refreshToken)).toMatchObject({ ok: true });
  });

  it('R10: of one account there are at most twenty, and the one not seen for longest ends', async () => {
    const phone = newPhone();
    const { accountId } = await office.signedIn(phone);
    const owner = { role: 'rider', subject: accountId } as const;
    const openOne = (atMs: number) => office.sessions.open({ ...owner, device: '', address: '', atMs });
    const startMs = office.nowMs;
    const opened = [];
    for (let n = 1; n < 20; n++) opened.push(await openOne(startMs + n));
    // The first of all is seen again: the second is now the one not seen for longest.
    const [first] = (await office.sessions.sessionsOf(owner)).slice(-1);
    office.nowMs = startMs + 100;
    await office.sessionStore.rotate(first!.sessionId, {
      ...{ from: 1, address: '', atMs: office.nowMs, expiresMs: office.nowMs + DAY_MS },
    });
    await Promise.all([openOne(startMs + 200), openOne(startMs + 201), openOne(startMs + 202)]);
    const ids = (await office.sessions.sessionsOf(owner)).map(({ sessionId }) => sessionId);
    expect(ids).toHaveLength(20);
    expect(ids).toContain(first!.sessionId);
    const gone = opened.slice(0, 3).map(({ sessionId }) => sessionId);
    for (const sessionId of gone)
      expect([ids.includes(sessionId), office.ended.has(sessionId)]).toEqual([false, true]);
  });

  it('is its owner’s to end, again without harm, and nobody else’s', async () => {
    const { accountId, tokens } = await office.signedIn(newPhone());
    const end = (subject: string, role: 'rider' | 'driver' = 'rider') =>
      office.sessions.end(tokens.sessionId, { role, subject }, 'signed_out');
    expect(await end('somebody')).toMatchObject({ code: 'not_found' });
    expect(await end(accountId, 'driver')).toMatchObject({ code: 'not_found' });
    expect(office.ended.has(tokens.sessionId)).toBe(false);
    for (let times = 0; times < 2; times++) expect(await end(accountId)).toMatchObject({ ok: true });
    expect(office.ended.has(tokens.sessionId)).toBe(true);
    expect(await office.refresh(tokens.refreshToken)).toMatchObject({ code: 'unauthorized' });
  });

  it('goes on when the key is changed, for as long as the old one is accepted', async () => {
    const [one, other] = [await open(), await open()];
    const old = office.keys[0]!;
    office.keys.unshift(Buffer.alloc(32, 4));
    const { refreshToken } = next(await office.refresh(one.refreshToken));
    office.keys.pop();
    expect(await office.refresh(refreshToken)).toMatchObject({ ok: true });
    expect(await office.refresh(other.refreshToken)).toMatchObject({ code: 'unauthorized' });
    office.keys.splice(0, 1, old);
  });
});
