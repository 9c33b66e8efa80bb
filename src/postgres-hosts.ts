import type { PostgresAddress } from './postgres-url.ts';

/** Tells which of several servers to connect to. */
export interface PostgresHosts {
  /** The server to use now; rejects with the first server's error when none is fit. */
  pick(): Promise<PostgresAddress>;
  /** The last pick may be wrong by now (a connection ended): the next `pick` asks all again. */
  forget(): void;
}

/**
 * Asks all servers at once and takes the first that is fit (`probe` rejects for one that is not). Who asks while the answer is
 * under way shares it, so that a pool that lost its primary asks once.
 */
export function createPostgresHosts(
  addresses: readonly PostgresAddress[],
  probe: (address: PostgresAddress) => Promise<void>,
): PostgresHosts {
  let picked: Promise<PostgresAddress> | null = null;
  const ask = async (): Promise<PostgresAddress> => {
    const [only, ...others] = addresses;
    if (only !== undefined && others.length === 0) return only;
    const asked = addresses.map(async (address) => {
      await probe(address);
      return address;
    });
    try {
      return await Promise.any(asked);
    } catch (cause) {
      const [first] = cause instanceof AggregateError ? (cause.errors as Error[]) : [];
      throw first ?? cause;
    }
  };
  const forget = (): void => {
    picked = null;
  };
  return {
    pick() {
      const now = (picked ??= ask());
      now.catch(() => {
        if (picked === now) forget();
      });
      return now;
    },
    forget,
  };
}
