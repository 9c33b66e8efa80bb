import { createKeyKeeper, KEY_BYTES } from '../src/lib/envelope.ts';

/** What servers of tests seal and look personal data up by: the same for all, so that several can share a database. */
export const PERSONAL = {
  keeper: createKeyKeeper([{ id: 'test', key: Buffer.alloc(KEY_BYTES, 7) }]),
  lookupSecret: Buffer.alloc(KEY_BYTES, 9),
};
