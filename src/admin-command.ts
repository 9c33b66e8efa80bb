import { parseArgs } from 'node:util';
import type postgres from 'postgres';
import { OperatorAdmin } from './accounts/operator-admin.ts';
import { OperatorVault } from './accounts/operator-vault.ts';
import { ConfigError } from './config.ts';
import type { KeyKeeper } from './lib/envelope.ts';
import { PostgresOperatorStore } from './store/operator-store-postgres.ts';
import { PostgresSessionStore } from './store/session-store-postgres.ts';

const USAGE = `npm run admin -- --email ann@example.com
  makes an admin of this e-mail, or gives the one there is a new link: password, code device and sessions before it end`;

export interface AdminCommandOptions {
  readonly withDatabase: (work: (sql: postgres.Sql) => Promise<number>) => Promise<number>;
  readonly keeper: KeyKeeper;
  readonly lookupSecret: Uint8Array;
  readonly nowMs: number;
  readonly print?: (line: string) => void;
}

/**
 * `npm run admin`: whoever has the machine and its secrets makes the first admin, and is the way back in for one who has lost everything. Prints a link's token, once.
 * Answers the exit code. A ConfigError when the arguments make no sense.
 */
export async function adminCommand(args: readonly string[], options: AdminCommandOptions): Promise<number> {
  const { withDatabase, keeper, lookupSecret, nowMs: atMs, print = (line) => console.log(line) } = options;
  if (args.includes('--help')) {
    print(USAGE);
    return 0;
  }
  const email = readEmail(args);
  return withDatabase(async (sql) => {
    const sessions = new PostgresSessionStore(sql);
    const admin = new OperatorAdmin({
      ...{ store: new PostgresOperatorStore(sql), vault: new OperatorVault(keeper, lookupSecret) },
      sessions: {
        endAll: async (owner) => void (await sessions.endAll(owner, { why: 'revoked', atMs })),
      },
    });
    const invited = await admin.inviteAdmin(email, { atMs, actor: null, address: null });
    if (!invited.ok) throw new ConfigError(`No admin was made: ${invited.detail ?? invited.code}.`);
    const { operator, linkToken, linkExpiresMs } = invited.value;
    print(
      `admin ${operator.operatorId}; until ${new Date(linkExpiresMs).toISOString()}, once, with this token:`,
    );
    print(`  POST /v1/operators/password {"token": "${linkToken}", "password": "…"}`);
    print(
      'The answer holds the secret for a code app; the first sign-in at /v1/operators/sign-in makes both count.',
    );
    return 0;
  });
}

function readEmail(args: readonly string[]): string {
  let email: string | undefined;
  try {
    ({ email } = parseArgs({ args: [...args], options: { email: { type: 'string' } } }).values);
  } catch (cause) {
    throw new ConfigError(`${(cause as Error).message}\n${USAGE}`, { cause });
  }
  if (email === undefined) throw new ConfigError(USAGE);
  return email;
}
