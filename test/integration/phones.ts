import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { SessionTokens } from '../../src/accounts/session-opener.ts';
import type { City } from './city.ts';

let numbers = 0;
/** A number that nobody has had here; of a range that is set aside for stories. */
export const newPhone = (): string => `+1415555${String(100 + (numbers += 1)).padStart(4, '0')}`;

/** What comes to phones. */
export class Outbox {
  private readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Takes the newest code sent to a number; fails when there is none. */
  take(phone: string): string {
    const names = existsSync(this.dir) ? readdirSync(this.dir).sort().reverse() : [];
    for (const name of names) {
      const file = path.join(this.dir, name);
      const message = JSON.parse(readFileSync(file, 'utf8')) as { phone: string; code: string };
      if (message.phone !== phone) continue;
      rmSync(file);
      return message.code;
    }
    throw new Error('no code was sent');
  }
}

export interface SignedIn {
  readonly accountId: string;
  readonly isNew: boolean;
  readonly tokens: SessionTokens;
}

/** Asks for a code and signs in with it. */
export async function signIn(
  city: City,
  outbox: Outbox,
  kind: 'rider' | 'driver',
  phone: string = newPhone(),
): Promise<SignedIn> {
  const asked = await city.http('POST', '/v1/sign-in/code', { body: { phone, kind } });
  expect(asked.status).toBe(202);
  const body = { phone, kind, code: outbox.take(phone), device: 'a test’s phone' };
  const answer = await city.http<SignedIn>('POST', '/v1/sign-in', { body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}
