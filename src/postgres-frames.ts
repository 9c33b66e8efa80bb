import postgres from 'postgres';

/** Frames of the protocol that this reads (PostgreSQL's manual, "Message Formats"): one byte of type, four of length, body. */
const HEADER_BYTES = 5;
const [ERROR, READY] = [0x45, 0x5a]; // E, Z from the server
const [FLUSH, QUERY, SYNC] = [0x48, 0x51, 0x53]; // H, Q, S from the client

/**
 * Follows one connection's conversation far enough to say whether the server owes an answer, and takes out errors that end
 * the connection: postgres 3.4.9 would keep such an error and fail the next connection's first statement with it.
 */
export class PostgresFrames {
  /** Answers (ReadyForQuery) that must still come, the one to the login included. */
  private answersOwed = 0;
  private flushed = false;
  private isFirst = true;
  /** What came of a frame that must be whole to be read; of others no more than the header. */
  private held: Buffer = Buffer.alloc(0);
  /** Bytes of the current frame still to pass unread. */
  private passing = 0;

  get owesAnswer(): boolean {
    return this.answersOwed > 0 || this.flushed;
  }

  /** What the client writes; postgres writes whole frames only. */
  sent(chunk: Buffer): void {
    if (this.isFirst) {
      // The login has no type byte.
      this.isFirst = false;
      this.answersOwed++;
      return;
    }
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
      }
      const part = rest.subarray(0, this.passing);
      pass.push(part);
      this.passing -= part.length;
      rest = rest.subarray(part.length);
    }
    this.held = rest;
    return { pass, fatal: null };
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
