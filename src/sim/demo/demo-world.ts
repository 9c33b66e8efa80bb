import type { Clock } from '../../lib/clock.ts';
import type { Stores } from '../../private-stores.ts';
import type { AuditReport } from '../../store/audit.ts';
import type { Screen } from './live-table.ts';

/** What the demo needs of the program around it. */
export interface DemoWorld {
  /** The machine's own clock. */
  readonly clock: Clock;
  readonly screen: Screen;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Stores for one run: fresh ones, unless the environment names the operator's. */
  openStores(): Promise<Stores>;
  readonly audit: (databaseUrl: string) => Promise<AuditReport>;
  /** A word nobody can guess, hex, of so many bytes. */
  token(bytes: number): string;
  /** Calls `stop` at the first Ctrl-C (or SIGTERM), and no more once the answered function has been called. */
  onInterrupt(stop: () => void): () => void;
}
