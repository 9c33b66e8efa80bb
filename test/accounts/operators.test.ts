import { hash } from '@node-rs/argon2';
import { beforeEach, describe, expect, it } from 'vitest';
import { verifyAuditLog } from '../../src/store/audit-log-postgres.ts';
import { freshDatabase } from '../stores.ts';
import { type Device, OperatorOffice, ORIGIN, PASSWORD } from './operator-office.ts';

const { sql } = await freshDatabase();
let office: OperatorOffice;
beforeEach(async () => {
  await sql`delete from operators`;
  office = new OperatorOffice(sql);
});

const ANN = 'ann@example.com';
const wrong = { ok: false, code: 'unauthorized' };
const audited = async (action: string) => office.auditLog.search({ action }, 50);

describe('the first admin', () => {
  it('sets password and code device by a link that is good once, and for a day', async () => {
    const invited = await office.admin.inviteAdmin(' Ann@Example.com', office.byOwner());
    expect(invited).toMatchObject({
      ok: true,
      value: { operator: { email: ANN, role: 'admin', state: 'invited' } },
    });
    const { linkToken } = (invited as Extract<typeof invited, { ok: true }>).value;
    const weak = await office.signIn.setCredentials({ token: linkToken, password: 'password1234' }, ORIGIN);
    expect(weak).toMatchObject({ ok: false, code: 'bad_message' });
    await office.setUp(linkToken);
    // The answer was lost: again, with another secret; the one before is no good.
    const device = await office.setUp(linkToken);
    expect(await office.try(ANN, device)).toMatchObject({ ok: true });
    expect(office.sessions.opened).toMatchObject([{ role: 'admin', device: 'a browser' }]);
    expect(
      await office.signIn.setCredentials({ token: linkToken, password: PASSWORD }, ORIGIN),
    ).toMatchObject(wrong);
    expect(await office.admin.operators(null, 10)).toMatchObject([{ email: ANN, state: 'active' }]);
  });

  it('has no use of a link after a day, or of one that is not theirs', async () => {
    const invited = await office.admin.inviteAdmin(ANN, office.byOwner());
    const { linkToken } = (invited as Extract<typeof invited, { ok: true }>).value;
    const set = (token: string) => office.signIn.setCredentials({ token, password: PASSWORD }, ORIGIN);
    expect(await set(`${linkToken}A`)).toMatchObject(wrong);
    office.nowMs += 24 * 3_600_000;
    expect(await set(linkToken)).toMatchObject(wrong);
  });

  it('finds the way in again by the command, with all that was before gone', async () => {
    const { device, operatorId } = await office.operator(ANN);
    const again = await office.admin.inviteAdmin(ANN, office.byOwner());
    expect(again).toMatchObject({ ok: true, value: { operator: { operatorId, state: 'invited' } } });
    expect(office.sessions.ended).toContain(`admin ${operatorId}`);
    expect(await office.try(ANN, device)).toMatchObject(wrong);
  });
});

describe('signing in', () => {
  let device: Device;
  let operatorId: string;
  beforeEach(async () => {
    ({ device, operatorId } = await office.operator(ANN));
  });

  it('takes e-mail, password and code, all three, and tells none from the others', async () => {
    const right = { email: ANN, password: PASSWORD, totp: '' };
    office.nowMs += 30_000;
    right.totp = device.code(office.nowMs);
    const answers = [];
    for (const change of [
      { email: 'ben@example.com' },
      { email: 'no mail' },
      { password: 'x' },
      { totp: '000000' },
      { totp: '' },
    ])
      answers.push(await office.signIn.signIn({ ...right, ...change }, ORIGIN));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject(wrong);
    expect(await office.signIn.signIn(right, ORIGIN)).toMatchObject({ ok: true });
    const whys = (await audited('operator.sign_in_failed')).map(
      ({ after }) => (after as { why: string }).why,
    );
    expect(whys.slice(0, 5)).toEqual(['totp', 'totp', 'password', 'unknown', 'unknown']);
    expect((await audited('operator.sign_in'))[0]).toMatchObject({
      ...{ actor: { role: 'admin', id: operatorId }, address: ORIGIN.address },
    });
  });

  it('takes a code once, also when it comes several times at once', async () => {
    office.nowMs += 30_000;
    const one = { email: ANN, password: PASSWORD, totp: device.code(office.nowMs) };
    const answers = await Promise.all(Array.from({ length: 4 }, () => office.signIn.signIn(one, ORIGIN)));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    office.nowMs += 30_000;
    expect(await office.signIn.signIn(one, ORIGIN)).toMatchObject(wrong);
  });

  it('is locked for an hour after ten wrong tries, of passwords or codes, however many come at once', async () => {
    const guess = (i: number) =>
      office.signIn.signIn({ email: ANN, password: i % 2 === 0 ? 'x' : PASSWORD, totp: '000000' }, ORIGIN);
    await Promise.all(Array.from({ length: 16 }, (_, i) => guess(i)));
    const whys = (await audited('operator.sign_in_failed'))
      .slice(0, 16)
      .map(({ after }) => (after as { why: string }).why);
    expect(whys.filter((why) => why === 'locked')).toHaveLength(6);
    expect(await office.try(ANN, device)).toMatchObject(wrong);
    expect((await office.admin.operators(null, 1))[0]!.lockedUntilMs).toBeGreaterThan(office.nowMs);
    office.nowMs += 3_600_000;
    expect(await office.try(ANN, device)).toMatchObject({ ok: true });
    for (let i = 0; i < 9; i++) await guess(i);
    expect(await office.try(ANN, device)).toMatchObject({ ok: true });
    for (let i = 0; i < 9; i++) await guess(i);
    expect(await office.try(ANN, device)).toMatchObject({ ok: true });
  });

  it('hashes a password anew that was hashed at another cost', async () => {
    const cheap = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };
    await sql`update operators set password_hash = ${await hash(PASSWORD, cheap)}`;
    expect(await office.try(ANN, device)).toMatchObject({ ok: true });
    const [row] = await sql`select password_hash from operators`;
    expect(row!['password_hash']).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await office.try(ANN, device)).toMatchObject({ ok: true });
  });

  it('is not for who is disabled, also when that happens at the same moment', async () => {
    await office.operator('ben@example.com');
    office.nowMs += 30_000;
    const totp = device.code(office.nowMs);
    await Promise.all([
      office.signIn.signIn({ email: ANN, password: PASSWORD, totp }, ORIGIN),
      office.admin.change(operatorId, { state: 'disabled' }, office.by()),
    ]);
    expect(office.sessions.ended).toContain(`admin ${operatorId}`);
    expect(office.sessions.events.at(-1)).toBe(`end ${operatorId}`);
    expect(await office.try(ANN, device)).toMatchObject(wrong);
    await office.admin.change(operatorId, { state: 'active' }, office.by());
    expect(await office.try(ANN, device)).toMatchObject({ ok: true });
  });

  it('leaves neither e-mail nor secret nor password in the database to be read', async () => {
    const [row] = await sql`select * from operators`;
    const bytes = Object.values(row!).map((value) =>
      Buffer.isBuffer(value) ? value.toString('latin1') : String(value),
    );
    const log = await sql`select entry from audit_log`;
    const all = [...bytes, ...log.map(({ entry }) => String(entry))].join('\n');
    for (const secret of ['ann', 'example', PASSWORD]) expect(all.includes(secret)).toBe(false);
  });
});

describe('operators', () => {
  it('have an e-mail each', async () => {
    await office.operator(ANN);
    expect(await office.admin.invite('ANN@example.com', 'support', office.by())).toMatchObject({
      code: 'conflict',
    });
    expect(await office.admin.invite('nobody', 'support', office.by())).toMatchObject({
      code: 'bad_message',
    });
  });

  it('are listed page by page', async () => {
    for (const name of ['a', 'b', 'c']) {
      office.nowMs += 1;
      await office.admin.invite(`${name}@example.com`, 'support', office.by());
    }
    const [first, second] = await office.admin.operators(null, 2);
    expect([first, second].map((one) => one!.email)).toEqual(['a@example.com', 'b@example.com']);
    expect(await office.admin.operators(second!, 2)).toMatchObject([{ email: 'c@example.com' }]);
  });

  it('lose their sessions with their role', async () => {
    await office.operator('boss@example.com');
    const { operatorId } = await office.operator(ANN, 'operations');
    expect(await office.admin.change(operatorId, { role: 'support' }, office.by())).toMatchObject({
      ok: true,
    });
    expect(office.sessions.ended).toEqual([`operations ${operatorId}`, `support ${operatorId}`]);
    expect((await audited('operator.change_role'))[0]).toMatchObject({
      ...{
        object: { kind: 'operator', id: operatorId },
        before: { role: 'operations' },
        after: { role: 'support' },
      },
    });
    expect(await office.admin.change('op-nobody', { role: 'support' }, office.by())).toMatchObject({
      code: 'not_found',
    });
  });

  it('always have an admin who can sign in', async () => {
    const { operatorId } = await office.operator(ANN);
    await office.admin.invite('ben@example.com', 'admin', office.by());
    for (const change of [{ role: 'support' }, { state: 'disabled' }] as const)
      expect(await office.admin.change(operatorId, change, office.by())).toMatchObject({ code: 'conflict' });
    expect(await office.admin.renewLink(operatorId, office.by())).toMatchObject({ code: 'conflict' });
    expect(await office.admin.operators(null, 1)).toMatchObject([{ role: 'admin', state: 'active' }]);
  });

  it('always have an admin, also when all are taken down at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      await sql`delete from operators`;
      const admins = await Promise.all(
        ['a', 'b', 'c'].map((name) => new OperatorOffice(sql).operator(`${name}@example.com`)),
      );
      const answers = await Promise.all(
        admins.map(({ operatorId }, i) =>
          office.admin.change(
            operatorId,
            i % 2 === 0 ? { state: 'disabled' } : { role: 'support' },
            office.by(),
          ),
        ),
      );
      expect(answers.filter(({ ok }) => ok)).toHaveLength(2);
      const left = await sql`select 1 from operators where role = 'admin' and state = 'active'`;
      expect(left).toHaveLength(1);
    }
    expect(await verifyAuditLog(sql)).toMatchObject({ broken: null });
  });
});
