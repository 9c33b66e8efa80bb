import type { Phone } from '../domain/phone.ts';

/** Brings a sign-in code to its owner: by SMS, WhatsApp, or, where nobody is to be reached, into a file (code-outbox.ts). */
export interface CodeSender {
  /** Resolves when the code is on its way; rejects when that is not known. Never logs the code or the whole number. */
  send(message: { readonly phone: Phone; readonly code: string; readonly atMs: number }): Promise<void>;
}
