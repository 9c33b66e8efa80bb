import type { Role } from '../../src/domain/role.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import { AUTH_SECRET } from '../suite/engine-server.ts';

const TOKEN_S = 3_600;

/** Whom HTTP load speaks for: so many accounts that none asks more often than its limit allows. */
export interface Callers {
  readonly role: Role;
  /** One for each connection. */
  readonly lists: number;
  readonly callersAList: number;
  readonly wallNowMs: number;
}

export interface CallerHeaders extends Readonly<Record<string, string>> {
  readonly authorization: string;
  readonly 'x-forwarded-for': string;
}

/** A token and an address for each, as a load balancer would name it: the limits of accounts and addresses stay as they are. */
export function headersOf({ role, lists, callersAList, wallNowMs }: Callers): Promise<CallerHeaders[][]> {
  const secret = Buffer.from(AUTH_SECRET);
  const caller = async (n: number): Promise<CallerHeaders> => {
    const token = await issueToken({ secret, role, subject: `${role}-${n}`, ttlS: TOKEN_S, wallNowMs });
    return {
      authorization: `Bearer ${token}`,
      'x-forwarded-for': `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
    };
  };
  const list = (at: number): Promise<CallerHeaders[]> =>
    Promise.all(Array.from({ length: callersAList }, (_, n) => caller(at * callersAList + n)));
  return Promise.all(Array.from({ length: lists }, (_, at) => list(at)));
}
