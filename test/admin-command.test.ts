import { describe, expect, it } from 'vitest';
import { adminCommand } from '../src/admin-command.ts';
import { ConfigError } from '../src/config.ts';
import { PostgresAuditLog } from '../src/store/audit-log-postgres.ts';
import { PERSONAL } from './personal-secrets.ts';
import { freshDatabase } from './stores.ts';

const { sql } = await freshDatabase();

async function run(...args: string[]): Promise<string> {
  const lines: string[] = [];
  const code = await adminCommand(args, {
    ...{ ...PERSONAL, nowMs: 1_790_000_000_000, withDatabase: (work) => work(sql) },
    print: (line) => lines.push(line),
  });
  expect(code).toBe(0);
  return lines.join('\n');
}

describe('the command admin', () => {
  it('prints another link each time, for one admin, and says so in the audit log without an actor', async () => {
    const links = [await run('--email', 'ann@example.com'), await run('--email', 'ANN@example.com')].map(
      (text) => /"token": "([A-Za-z0-9_-]{43})"/.exec(text)![1],
    );
    expect(new Set(links).size).toBe(2);
    expect(await sql`select role, state from operators`).toEqual([{ role: 'admin', state: 'invited' }]);
    const entries = await new PostgresAuditLog(sql).search({}, 10);
    expect(entries).toMatchObject([
      { action: 'operator.renew_link', actor: null },
      { action: 'operator.invite', actor: null },
    ]);
  });

  it.each([[], ['--email', 'nobody'], ['--mail', 'a@example.com'], ['--email']])(
    'says what is wrong with %j %j',
    async (...args) => {
      await expect(run(...(args as string[]))).rejects.toThrow(ConfigError);
    },
  );
});
