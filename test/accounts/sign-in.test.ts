import { describe, expect, it } from 'vitest';
import { newPhone } from '../integration/phones.ts';
import { freshDatabase } from '../stores.ts';
import { SignInOffice } from './sign-in-office.ts';

const { sql } = await freshDatabase();
const office = new SignInOffice(sql);
const MINUTE_MS = 60_000;
const wrong = (code: string): string => (code === '000000' ? '000001' : '000000');

describe('a sign-in code', () => {
  it('is good for five minutes', async () => {
    const [soon, late] = [newPhone(), newPhone()];
    await office.start(soon);
    await office.start(late);
    office.nowMs += 5 * MINUTE_MS - 1;
    expect(await office.finish(soon)).toMatchObject({ ok: true, value: { isNew: true } });
    office.nowMs += 1;
    expect(await office.finish(late)).toMatchObject({ ok: false, code: 'unauthorized' });
  });

  it('is good for five tries, and the right one counts', async () => {
    const [fifth, sixth] = [newPhone(), newPhone()];
    for (const phone of [fifth, sixth]) {
      await office.start(phone);
      for (let tries = phone === fifth ? 4 : 5; tries > 0; tries--)
        expect(await office.finish(phone, wrong(office.sent.get(phone)!))).toMatchObject({ ok: false });
    }
    expect(await office.finish(fifth)).toMatchObject({ ok: true });
    expect(await office.finish(sixth)).toMatchObject({ ok: false, code: 'unauthorized' });
  });

  it('is replaced by the next one, whose tries are its own', async () => {
    const phone = newPhone();
    await office.start(phone);
    const first = office.sent.get(phone)!;
    for (let tries = 0; tries < 5; tries++) await office.finish(phone, wrong(first));
    do {
      office.nowMs += 10 * MINUTE_MS;
      await office.start(phone);
    } while (office.sent.get(phone) === first);
    expect(await office.finish(phone, first)).toMatchObject({ ok: false, code: 'unauthorized' });
    expect(await office.finish(phone)).toMatchObject({ ok: true });
  });

  it('is sent three times in ten minutes, also when asked for at once, and then again', async () => {
    const phone = newPhone();
    const answers = await Promise.all(Array.from({ length: 8 }, () => office.start(phone)));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3);
    office.nowMs += 10 * MINUTE_MS - 1;
    expect(await office.start(phone)).toMatchObject({ code: 'rate_limited' });
    expect(await office.start(phone, 'driver')).toMatchObject({ ok: true });
    office.nowMs += 1;
    expect(await office.start(phone)).toMatchObject({ ok: true });
  });
});

describe('signing in', () => {
  it.each(['suspended', 'erased'] as const)(
    'leaves no session to an account that is %s meanwhile',
    async (state) => {
      const phone = newPhone();
      const first = await office.signedIn(phone);
      const { accountId } = first;
      office.nowMs += 10 * MINUTE_MS;
      await office.start(phone);
      // The account was active when the code was found right.
      office.beforeOpening = () =>
        state === 'suspended'
          ? office.desk.suspend(accountId, 'rider', office.by())
          : office.privacy.erase(accountId, office.by());
      expect(await office.finish(phone)).toMatchObject({ ok: false, code: 'account_suspended' });
      expect(await office.sessions.sessionsOf({ role: 'rider', subject: accountId })).toEqual([]);
      const open = await sql`select session_id from sessions where subject = ${accountId}`;
      expect(open).toHaveLength(2);
      for (const { session_id: sessionId } of open) expect(office.ended.has(sessionId as string)).toBe(true);
      const told = await office.auditLog.search({ objectId: accountId, action: 'account.sign_in' }, 10);
      expect(told[0]).toMatchObject({ after: { outcome: state } });
    },
  );
});
