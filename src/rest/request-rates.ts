import { accountOf, type Principal } from '../dispatch/desk.ts';
import type { OperatorRole } from '../domain/role.ts';
import { type BucketRate, KeyedBuckets } from '../lib/token-bucket.ts';
import type { RateClass } from '../protocol/operation.ts';
import type { RateLimits } from '../store/rate-limits.ts';

const COUNT_MS = 1_000;

/** How often somebody may ask. */
export interface RequestRatesOptions {
  /** Requests of one account to one replica. */
  readonly account: BucketRate;
  /** Requests of one address to one replica. */
  readonly address: BucketRate;
  /** Accounts of a role, and addresses, remembered for that. */
  readonly keysMax: number;
  /** Over all replicas; without it each counts for itself. */
  readonly shared?: RateLimits | undefined;
  /** How many replicas are alive, this one among them. */
  readonly replicas?: (() => number) | undefined;
}

/**
 * Who may ask how often. Each replica has buckets of its own. What signs in or writes is counted over all replicas too, in Redis. A read
 * costs less than asking Redis would, so it is only asked for whoever reads more here than a replica's share of the rate: reads of somebody who goes to all
 * replicas at once come to at most twice the rate, and with one replica none is asked for.
 */
export class RequestRates {
  private readonly options: RequestRatesOptions;
  private readonly accounts: Buckets;
  private readonly addresses: KeyedBuckets;
  private countedMs = -Infinity;
  /** For `shares.of` replicas. */
  private shares: { readonly of: number; readonly accounts: Buckets; readonly addresses: KeyedBuckets };

  constructor(options: RequestRatesOptions) {
    this.options = options;
    this.accounts = new Buckets(options.account, options.keysMax);
    this.addresses = new KeyedBuckets(options.address, options.keysMax);
    this.shares = this.sharesOf(1);
  }

  /** Whether the address may ask this replica; whatever for. */
  takeAddress(address: string, nowMs: number): boolean {
    return this.addresses.take(address, nowMs);
  }

  takeAccount(principal: Principal, nowMs: number): boolean {
    return this.accounts.take(principal, nowMs);
  }

  /** Null: nobody has to be asked. Else 0 for who may go on, or after how many milliseconds to come again. */
  takeShared(
    rate: RateClass,
    address: string,
    principal: Principal | null,
    nowMs: number,
  ): Promise<number> | null {
    const { shared } = this.options;
    if (shared === undefined) return null;
    const isRead = rate === 'read';
    if (isRead && this.replicas(nowMs) === 1) return null;
    const waits: Promise<number>[] = [];
    if (!isRead || !this.shares.addresses.take(address, nowMs))
      waits.push(shared.take(`${rate}:address`, address));
    if (principal !== null && (!isRead || !this.shares.accounts.take(principal, nowMs)))
      waits.push(shared.take(`${rate}:account`, `${principal.role}:${accountOf(principal)}`));
    return waits.length === 0 ? null : Promise.all(waits).then((all) => Math.max(...all));
  }

  /** How many there are, at most a second ago; brings the shares up to date with it. */
  private replicas(nowMs: number): number {
    if (nowMs - this.countedMs < COUNT_MS) return this.shares.of;
    this.countedMs = nowMs;
    const count = Math.max(1, this.options.replicas?.() ?? 1);
    if (count !== this.shares.of) this.shares = this.sharesOf(count);
    return count;
  }

  private sharesOf(count: number): RequestRates['shares'] {
    const { account, address, keysMax } = this.options;
    const share = ({ perS, burstMax }: BucketRate): BucketRate => ({
      perS: perS / count,
      burstMax: Math.max(1, burstMax / count),
    });
    return {
      of: count,
      accounts: new Buckets(share(account), keysMax),
      addresses: new KeyedBuckets(share(address), keysMax),
    };
  }
}

/** By role: an id is looked up as it is. */
class Buckets {
  private readonly byRole: Readonly<Record<Principal['role'], KeyedBuckets>>;

  constructor(rate: BucketRate, keysMax: number) {
    const buckets = (): KeyedBuckets => new KeyedBuckets(rate, keysMax);
    const operators = buckets();
    this.byRole = { driver: buckets(), rider: buckets(), ...operatorRoles(operators) };
  }

  take(principal: Principal, nowMs: number): boolean {
    return this.byRole[principal.role].take(accountOf(principal), nowMs);
  }
}

function operatorRoles<T>(value: T): Record<OperatorRole, T> {
  return { support: value, operations: value, admin: value };
}
