import { createHash } from 'node:crypto';

interface Entry {
  readonly atMs: number;
  readonly tripId: string | null;
  readonly text: string;
}

/** Entries kept for a report; older ones are dropped. The hash has seen them all. */
const ENTRIES_MAX = 100_000;
const ENTRIES_SHOWN = 50;

/** What happened in a world, in order: its hash tells two runs apart, its end explains a violation. */
export class EventLog {
  private readonly hash = createHash('sha256');
  private readonly startMs: number;
  private entries: Entry[] = [];

  constructor(startMs: number) {
    this.startMs = startMs;
  }

  /** `tripId`: what it is about, where it is about one. */
  note(atMs: number, tripId: string | null, text: string): void {
    this.hash.update(`${atMs} ${tripId} ${text}\n`);
    this.entries.push({ atMs, tripId, text });
    if (this.entries.length >= 2 * ENTRIES_MAX) this.entries = this.entries.slice(-ENTRIES_MAX);
  }

  /** Of all entries so far, 16 hex digits. */
  digest(): string {
    return this.hash.copy().digest('hex').slice(0, 16);
  }

  /** The last entries about a trip, about an account, and about everything (restarts); without either: about anything. */
  about(tripId: string | null, account: string | null): string[] {
    const names = account === null ? null : new RegExp(`\\b${account}\\b`);
    const wanted = this.entries.filter(
      (entry) =>
        (tripId === null && names === null) ||
        entry.tripId === null ||
        entry.tripId === tripId ||
        names?.test(entry.text),
    );
    return wanted.slice(-ENTRIES_SHOWN).map(({ atMs, text, tripId: about }) => {
      const seconds = ((atMs - this.startMs) / 1000).toFixed(3).padStart(9);
      return `${seconds} s  ${about === null ? '' : `trip ${about.slice(-6)} `}${text}`;
    });
  }
}
