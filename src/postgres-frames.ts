import postgres from 'postgres';

/** Frames of the protocol that this reads (PostgreSQL's manual, "Message Formats"): one byte of type, four of length, body. */
const HEADER_BYTES = 5;
const [ROW, ERROR, READY] = [0x44, 0x45, 0x5a]; // D, E, Z from the server
const [FLUSH, QUERY, SYNC] = [0x48, 0x51, 0x53]; // H, Q, S from the client

/** Version 3.0 of the protocol, the second number of a login. */
const PROTOCOL = 0x0003_0000;
const PADDING_NAME = 'hexdispatch.padding';

/**
 * A session parameter that makes the login longer than 1,024 bytes; `cleanLogin` takes it out again. postgres 3.4.9 writes
 * shorter chunks a turn of the loop later, and never again on a connection that was closed within that turn: its timer is
 * cleared, but not forgotten. What is longer is written at once, together with what was left over, and the timer forgotten.
 */
export const LOGIN_PADDING: Readonly<Record<string, string>> = { [PADDING_NAME]: ' '.repeat(1_024) };

/** The login alone, as the server is to see it, of a chunk that ends with it. */
export function cleanLogin(chunk: Buffer): Buffer {
  let at = 0;
  while (at + 8 <= chunk.length && !isLogin(chunk, at)) at++;
  const login = chunk.subarray(at);
  const from = login.indexOf(`${PADDING_NAME}\0`);
  if (from < 0) return login;
  const to = login.indexOf(0, from + PADDING_NAME.length + 1) + 1;
  const clean = Buffer.concat([login.subarray(0, from), login.subarray(to)]);
  clean.writeUInt32BE(clean.length);
  return clean;
}

const isLogin = (chunk: Buffer, at: number): boolean =>
  chunk.readUInt32BE(at) === chunk.length - at && chunk.readUInt32BE(at + 4) === PROTOCOL;

/**
 * Follows one connection's conversation far enough to say whether the server owes an answer, and takes out errors that end
 * the connection: postgres 3.4.9 would keep such an error and fail the next connection's first statement with it. Rows are held back
 * until what ends them is there: postgres 3.4.9 goes on counting them on its next connection when this one is cut off in between, and its first
 * result there then begins with holes.
 */
export class PostgresFrames {
  /** Answers (ReadyForQuery) that must still come, the one to the login included. */
  private answersOwed = 0;
  private flushed = false;
  /** What came of a frame that must be whole to be read; of others no more than the header. */
  private held: Buffer = Buffer.alloc(0);
  /** Bytes of the current frame still to pass unread. */
  private passing = 0;
  private isRow = false;
  /** Of a result that has not ended. */
  private rows: Buffer[] = [];

  get owesAnswer(): boolean {
    return this.answersOwed > 0 || this.flushed;
  }

  loginSent(): void {
    this.answersOwed++;
  }

  /** What the client writes after the login; postgres writes whole frames only. */
  sent(chunk: Buffer): void {
    for (let at = 0; at + HEADER_BYTES <= chunk.length; at += 1 + chunk.readUInt32BE(at + 1)) {
      const type = chunk[at];
      if (type === QUERY || type === SYNC) this.answersOwed++;
      if (type === FLUSH) this.flushed = true;
      if (type === SYNC) this.flushed = false;
    }
  }

  /** What the server says: the bytes to hand on, and the error with which it ends the connection, if that was in them. */
  heard(chunk: Buffer): { readonly pass: readonly Buffer[]; readonly fatal: Error | null } {
    const pass: Buffer[] = [];
    let rest = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.passing === 0) {
        if (rest.length < HEADER_BYTES) break;
        const bytes = 1 + rest.readUInt32BE(1);
        if (rest[0] === ERROR) {
          if (rest.length < bytes) break;
          const fatal = readFatal(rest.subarray(HEADER_BYTES, bytes));
          if (fatal !== null) return { pass, fatal };
        }
        if (rest[0] === READY) this.answersOwed = Math.max(0, this.answersOwed - 1);
        this.passing = bytes;
        this.isRow = rest[0] === ROW;
        if (!this.isRow) this.endRows(pass);
      }
      const part = rest.subarray(0, this.passing);
      (this.isRow ? this.rows : pass).push(part);
      this.passing -= part.length;
      rest = rest.subarray(part.length);
    }
    this.held = rest;
    return { pass, fatal: null };
  }

  private endRows(pass: Buffer[]): void {
    for (const part of this.rows) pass.push(part);
    this.rows = [];
  }
}

/** Null for an error that ends only its statement. */
function readFatal(body: Buffer): Error | null {
  const fields = body.toString('utf8').split('\0');
  const field = (letter: string): string => fields.find((one) => one.startsWith(letter))?.slice(1) ?? '';
  // V is the severity in English whatever the server's language.
  if (field('V') !== 'FATAL' && field('V') !== 'PANIC') return null;
  const { PostgresError } = postgres as unknown as { PostgresError: new (fields: object) => Error };
  return new PostgresError({ severity: field('V'), code: field('C'), message: field('M') });
}
