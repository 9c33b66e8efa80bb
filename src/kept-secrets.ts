import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Config, ConfigError, dataKeysIn } from './config.ts';
import { randomToken, secretBytes } from './lib/entropy.ts';
import { createKeyKeeper, KEY_BYTES, type KeyKeeper } from './lib/envelope.ts';

/** Where secrets come from that were not set: made once for this checkout and kept in `dataDir`, readable by its user alone. */
export interface SecretsOptions {
  readonly config: Config;
  readonly dataDir: string;
  readonly isProduction: boolean;
}

/** The operator's, the newest first, or one that is kept. */
export function authSecretsOf({ config, dataDir }: Pick<SecretsOptions, 'config' | 'dataDir'>): string[] {
  const { authSecret, authSecretOld } = config;
  if (authSecret !== null) return authSecretOld === null ? [authSecret] : [authSecret, authSecretOld];
  return [kept(dataDir, 'auth-secret', () => randomToken(32))];
}

/** As they are set: DATA_KEYS and LOOKUP_SECRET. */
export interface PersonalSecrets {
  readonly dataKeys: string;
  readonly lookupSecret: string;
}

/**
 * What personal data is sealed and looked up by. Whoever loses it has lost the data: in production it is the operator's to keep, and a
 * server without it does not start (ConfigError).
 */
export function personalSecretsOf({ config, dataDir, isProduction }: SecretsOptions): PersonalSecrets {
  const { dataKeys, lookupSecret } = config;
  if (isProduction && (dataKeys === null || lookupSecret === null))
    throw new ConfigError('In production DATA_KEYS and LOOKUP_SECRET must be set: see docs/privacy.md.');
  return {
    dataKeys: dataKeys ?? kept(dataDir, 'data-keys', () => `k1:${secretBytes(KEY_BYTES).toString('base64')}`),
    lookupSecret: lookupSecret ?? kept(dataDir, 'lookup-secret', () => randomToken(32)),
  };
}

/** A keeper of the keys that `personalSecretsOf` answers as a text. */
export function keyKeeperOf({ dataKeys }: Pick<PersonalSecrets, 'dataKeys'>): KeyKeeper {
  const keys = dataKeysIn(dataKeys);
  if (keys === undefined) throw new ConfigError('The data keys under .data/ cannot be read.');
  return createKeyKeeper(keys);
}

/** Where sign-in codes are written to, or null where accounts are kept elsewhere. In production a place must be named: nobody is to find codes by chance. */
export function codeOutboxDirOf({ config, dataDir, isProduction }: SecretsOptions): string | null {
  const { accounts, codeOutboxDir } = config;
  if (accounts === 'elsewhere') return null;
  if (codeOutboxDir !== null) return codeOutboxDir;
  if (isProduction)
    throw new ConfigError(
      'In production ACCOUNTS=own needs CODE_OUTBOX_DIR, where codes are written for whoever sends them; or set ACCOUNTS=elsewhere.',
    );
  return path.join(dataDir, 'outbox');
}

/** Several processes may start at once: one of them makes it, whole. */
function kept(dataDir: string, name: string, make: () => string): string {
  const file = path.join(dataDir, name);
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true });
    const fresh = `${file}.${randomToken(8)}`;
    writeFileSync(fresh, make(), { mode: 0o600, flag: 'wx' });
    try {
      linkSync(fresh, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(fresh);
    }
  }
  chmodSync(file, 0o600);
  return readFileSync(file, 'utf8').trim();
}
