import { describe, expect, it } from 'vitest';
import { auditLogCommand } from '../src/audit-log-command.ts';
import { ConfigError } from '../src/config.ts';
import { PostgresAuditLog } from '../src/store/audit-log-postgres.ts';
import { freshDatabase } from './stores.ts';

const { sql } = await freshDatabase();

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await auditLogCommand(
    args,
    (work) => work(sql),
    (line) => lines.push(line),
  );
  return { code, text: lines.join('\n') };
}

describe('the command audit-log', () => {
  it('verifies the log, and finds a link that was written down before in it, until it is made anew', async () => {
    const log = new PostgresAuditLog(sql);
    const append = (id: string) =>
      log.append({
        ...{ atMs: 1, actor: null, address: null, action: 'a.b', object: { kind: 'a', id } },
        ...{ before: null, after: null },
      });
    expect(await run('--verify')).toMatchObject({
      code: 0,
      text: expect.stringContaining('0 entries') as string,
    });
    for (const id of ['1', '2', '3']) await append(id);
    const verified = await run('--verify');
    const [end] = /3:[0-9a-f]{64}/.exec(verified.text)!;
    await append('4');
    expect(await run('--verify', '--expect', end)).toMatchObject({ code: 0 });
    const other = `3:${'0'.repeat(64)}`;
    expect(await run('--verify', '--expect', other)).toMatchObject({
      ...{ code: 1, text: expect.stringContaining('broken at entry 3') as string },
    });
    expect(await run('--verify', '--from', '2', '--to', '3')).toMatchObject({
      ...{ code: 0, text: expect.stringContaining('2 entries') as string },
    });
  });

  it.each([[], ['--verify', '--what'], ['--verify', '--from', '0'], ['--verify', '--expect', '3:xyz']])(
    'says how it is used when called with %j %j %j',
    async (...args) => {
      await expect(run(...(args as string[]))).rejects.toThrow(ConfigError);
    },
  );
});
