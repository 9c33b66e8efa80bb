import { createHash } from 'node:crypto';
import type { AuditEntry, AuditRecord, Json } from './audit-log.ts';

/** A place in the chain: a row's number, and its hash. */
export interface ChainLink {
  readonly seq: number;
  readonly hash: Buffer;
}

/** A row as it is stored. */
export interface ChainRow extends ChainLink {
  readonly entry: string;
}

/** The first row that is not as it was written, and what is wrong with it. */
export interface BrokenLink {
  readonly seq: number;
  readonly why: string;
}

/**
 * The entry as the text that is hashed and stored: the same for the same entry, whatever the order of its keys. What a JSON document of
 * PostgreSQL cannot hold (NUL, half a surrogate pair) is replaced by U+FFFD.
 */
export function entryText({ atMs, actor, address, action, object, before, after }: AuditEntry): string {
  const { kind, id } = object;
  return JSON.stringify(
    ordered({
      ...{ atMs: Math.trunc(atMs), address, action, object: { kind, id }, before, after },
      actor: actor === null ? null : { role: actor.role, id: actor.id },
    }),
  );
}

function ordered(value: Json): Json {
  if (typeof value === 'string') return clean(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(ordered);
  const pairs = Object.entries(value as Readonly<Record<string, Json>>);
  pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(pairs.map(([key, one]) => [clean(key), ordered(one)]));
}

const clean = (text: string): string => Buffer.from(text.replaceAll('\0', '\ufffd'), 'utf8').toString('utf8');

/** What `audit_append` of sql/0009-audit-log.sql makes of it, worked out a second time. */
export function nextHash(previous: Uint8Array, seq: number, entry: string): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigInt64BE(BigInt(seq));
  return createHash('sha256').update(previous).update(number).update(entry, 'utf8').digest();
}

export function recordOf({ seq, hash, entry }: ChainRow): AuditRecord {
  return { ...(JSON.parse(entry) as AuditEntry), seq, hash: hash.toString('hex') };
}

/** Walks the rows of a chain in order, and stops at the first that does not follow from the one before. */
export class ChainWalk {
  #last: ChainLink;
  #broken: BrokenLink | null = null;
  #rows = 0;
  readonly #expected: ChainLink | null;

  /** Begins after `anchor`. `expected` is a link that somebody wrote down: it must be passed. */
  constructor(anchor: ChainLink, expected: ChainLink | null = null) {
    this.#last = anchor;
    this.#expected = expected;
    if (expected?.seq === anchor.seq) this.#compare(anchor);
  }

  get rows(): number {
    return this.#rows;
  }

  get lastSeq(): number {
    return this.#last.seq;
  }

  get broken(): BrokenLink | null {
    return this.#broken;
  }

  next(row: ChainRow): void {
    if (this.#broken !== null) return;
    const seq = this.#last.seq + 1;
    if (row.seq !== seq) return this.#breakAt(seq, `it is missing: after ${this.#last.seq} comes ${row.seq}`);
    if (!nextHash(this.#last.hash, row.seq, row.entry).equals(row.hash))
      return this.#breakAt(seq, 'it was changed: its hash is not that of its entry and the row before');
    this.#last = row;
    this.#rows += 1;
    if (seq === this.#expected?.seq) this.#compare(row);
  }

  /** To be called after the last row; `head` is what the log says of its own end. */
  end(head: ChainLink): void {
    if (this.#broken !== null) return;
    const { seq, hash } = this.#last;
    if (seq < head.seq)
      return this.#breakAt(seq + 1, `it is missing: the log ends at ${seq}, its head says ${head.seq}`);
    if (seq > head.seq)
      return this.#breakAt(head.seq + 1, 'it was not added by the log: its head is before it');
    if (!hash.equals(head.hash)) return this.#breakAt(seq, 'its hash is not the one of the head');
    if (this.#expected !== null && this.#expected.seq > seq)
      this.#breakAt(seq + 1, `it is missing: ${this.#expected.seq} was there once`);
  }

  #compare(link: ChainLink): void {
    if (!link.hash.equals(this.#expected!.hash))
      this.#breakAt(link.seq, 'its hash is not the one that was expected: the chain was made anew');
  }

  #breakAt(seq: number, why: string): void {
    this.#broken = { seq, why };
  }
}
