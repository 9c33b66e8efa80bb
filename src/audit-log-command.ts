import { parseArgs } from 'node:util';
import type postgres from 'postgres';
import { ConfigError } from './config.ts';
import type { ChainLink } from './store/audit-chain.ts';
import { verifyAuditLog } from './store/audit-log-postgres.ts';

const USAGE = `npm run audit-log -- --verify [--expect N:HASH] [--from N] [--to N]
  --verify         walks the log and names the first entry that is not as it was written
  --expect N:HASH  an end of the log that was printed and written down before: finds also a log that was made anew, or cut
  --from N, --to N a part of it, the ends included; the entry before it is taken as good`;

/**
 * `npm run audit-log`: answers the exit code, 0 = the chain is whole, 1 = it is broken. A ConfigError when the arguments make
 * no sense.
 */
export async function auditLogCommand(
  args: readonly string[],
  withDatabase: (work: (sql: postgres.Sql) => Promise<number>) => Promise<number>,
  print: (line: string) => void = (line) => console.log(line),
): Promise<number> {
  if (args.includes('--help')) {
    print(USAGE);
    return 0;
  }
  const { from, to, expected } = readOptions(args);
  return withDatabase(async (sql) => {
    const { rows, head, broken } = await verifyAuditLog(sql, {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(expected === undefined ? {} : { expected }),
    });
    if (broken !== null) {
      print(
        `audit log: broken at entry ${broken.seq}: ${broken.why}; ${rows} before it are as they were written`,
      );
      return 1;
    }
    print(`audit log: ${rows} entries, as they were written`);
    print(`its end, to be written down elsewhere: ${head.seq}:${head.hash.toString('hex')}`);
    return 0;
  });
}

interface Options {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly expected: ChainLink | undefined;
}

function readOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  let values: { verify?: boolean; expect?: string; from?: string; to?: string };
  try {
    const options = { verify: { type: 'boolean' }, expect: text, from: text, to: text } as const;
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (cause) {
    throw new ConfigError(`${(cause as Error).message}\n${USAGE}`, { cause });
  }
  if (values.verify !== true) throw new ConfigError(USAGE);
  return {
    from: numberOf('--from', values.from),
    to: numberOf('--to', values.to),
    expected: values.expect === undefined ? undefined : linkOf(values.expect),
  };
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^[1-9]\d{0,14}$/.test(text))
    throw new ConfigError(`${name} is the number of an entry, from 1 on.`);
  return text === undefined ? undefined : Number(text);
}

function linkOf(text: string): ChainLink {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined)
    throw new ConfigError(
      '--expect is an end of the log as --verify prints it: a number, a colon, 64 hex digits.',
    );
  return { seq: Number(seq), hash: Buffer.from(hash, 'hex') };
}
