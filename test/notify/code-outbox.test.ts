import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Phone } from '../../src/domain/phone.ts';
import { createCodeOutbox } from '../../src/notify/code-outbox.ts';

const PHONE = '+14155550123' as Phone;
const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});
const freshDir = (): string => {
  const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-outbox-'));
  dirs.push(dir);
  return path.join(dir, 'outbox');
};

describe('the outbox of sign-in codes', () => {
  it('holds each message whole, in order of time, for the server’s user alone', async () => {
    const dir = freshDir();
    const outbox = createCodeOutbox(dir);
    await outbox.send({ phone: PHONE, code: '000001', atMs: 1 });
    await Promise.all(
      [2, 3, 4].map((n) => outbox.send({ phone: PHONE, code: `00000${n}`, atMs: 1_000 * n })),
    );
    const names = readdirSync(dir).sort();
    const messages = names.map((name) => JSON.parse(readFileSync(path.join(dir, name), 'utf8')) as object);
    expect(messages).toEqual(
      [1, 2_000, 3_000, 4_000].map((atMs, n) => ({ phone: PHONE, code: `00000${n + 1}`, atMs })),
    );
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of names) expect(statSync(path.join(dir, name)).mode & 0o777).toBe(0o600);
  });

  it('R10: lets the oldest go beyond a thousand', async () => {
    const dir = freshDir();
    const outbox = createCodeOutbox(dir);
    for (let n = 0; n < 1_010; n++) await outbox.send({ phone: PHONE, code: '123456', atMs: n });
    const names = readdirSync(dir).sort();
    expect(names).toHaveLength(1_000);
    expect(names[0]).toMatch(/^000000000000010-/);
  });

  it('rejects where it cannot write', async () => {
    const outbox = createCodeOutbox('/dev/null/outbox');
    await expect(outbox.send({ phone: PHONE, code: '123456', atMs: 1 })).rejects.toThrow();
  });
});
