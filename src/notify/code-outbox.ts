import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { randomToken } from '../lib/entropy.ts';
import type { CodeSender } from './code-sender.ts';

/** Messages kept; the oldest go. */
const MESSAGES_MAX = 1_000;

/**
 * Writes each code into a file of its own under `dir`, `<Unix ms>-<random>.json`, for who runs a server without a way to send messages: on one's own
 * machine, and in tests. Readable by the server's user alone.
 */
export function createCodeOutbox(dir: string): CodeSender {
  return {
    async send({ phone, code, atMs }) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const name = `${String(atMs).padStart(15, '0')}-${randomToken(4)}.json`;
      const file = path.join(dir, name);
      // Whole or not at all: whoever waits for the file reads it at once.
      await writeFile(`${file}.new`, JSON.stringify({ phone, code, atMs }), { mode: 0o600, flag: 'wx' });
      await rename(`${file}.new`, file);
      const messages = (await readdir(dir)).filter((one) => one.endsWith('.json')).sort();
      for (const old of messages.slice(0, -MESSAGES_MAX)) await rm(path.join(dir, old), { force: true });
    },
  };
}
