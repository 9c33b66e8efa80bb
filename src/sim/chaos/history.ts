import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';

/** A message as it went over the wire; what is in it is the checker's business. */
type Message = { readonly t: string; readonly [field: string]: unknown };

/** What a client notes. `line` numbers its connections; 0 is HTTP. */
type Note =
  /** It connects: where to, and from which number on it wants to hear. */
  | {
      readonly k: 'open';
      readonly line: number;
      readonly to: string;
      readonly resume: { readonly epoch: string; readonly seq: number } | null;
    }
  /** `hash` is of the content without the id. Pings are not noted. */
  | {
      readonly k: 'sent';
      readonly line: number;
      readonly to: string;
      readonly hash: string;
      readonly m: Message;
    }
  /** What it was told, but for where the driver is. */
  | { readonly k: 'got'; readonly line: number; readonly m: Message }
  /** No answer over HTTP. */
  | { readonly k: 'failed'; readonly line: 0; readonly id: string; readonly why: string }
  | { readonly k: 'closed'; readonly line: number; readonly code: number }
  | { readonly k: 'hangup'; readonly line: number }
  /** The harness: from here on nothing may be open any more. */
  | { readonly k: 'settled' };

/** One line of a history: when (Unix ms), whose, what. */
export type HistoryLine = Note & { readonly ms: number; readonly who: string };

/** SHA-256 of what a command asks for, whatever its id. */
export function contentHash(message: Message): string {
  return createHash('sha256')
    .update(JSON.stringify({ ...message, id: null }))
    .digest('base64url')
    .slice(0, 16);
}

/**
 * Writes the clients' histories, a line of JSON each. Every line is handed to the operating system before the call returns, so
 * that nothing is lost when this process dies, and nothing is sent that is not noted.
 */
export class HistoryWriter {
  private readonly clock: Clock;
  private readonly file: number;

  constructor(file: string, clock: Clock) {
    this.clock = clock;
    this.file = openSync(file, 'a');
  }

  note(who: string, note: Note): void {
    const line: HistoryLine = { ms: this.clock.nowMs(), who, ...note };
    writeSync(this.file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.file);
  }
}
