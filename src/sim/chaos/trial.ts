import { issueToken } from '../../gateway/auth.ts';
import type { Clock } from '../../lib/clock.ts';
import type { NamedZone } from './chaos-city.ts';
import type { ClientLink } from './client-link.ts';
import type { FaultBox, Site } from './fault-box.ts';
import type { Fault, FaultKind } from './schedule.ts';
import type { FaultRecord, Sample } from './takeover.ts';

export interface TrialOptions {
  readonly clock: Clock;
  readonly print: (line: string) => void;
  readonly sites: readonly Site[];
  readonly zones: readonly NamedZone[];
  readonly client: ClientLink;
  readonly box: FaultBox;
  readonly secret: string;
}

/** What takes a replica out of service for its zones, when it lasts longer than the lease of 3 s. */
const DEPOSES: readonly FaultKind[] = ['stop', 'redis_cut', 'redis_frozen', 'stores_cut'];
const LEASE_MS = 3_000;
/** What keeps zones from being served until it ends, or for a while. */
const STARVES: readonly FaultKind[] = [
  'postgres_cut',
  'postgres_frozen',
  'stores_cut',
  'redis_flush',
  'redis_restart',
  'postgres_restart',
  'postgres_crash',
];
const ASK_MS_MAX = 500;

/** Performs faults, notes when they were, and measures from outside how long zones go without an owner: takeover.ts. */
export class Trial {
  readonly faults: FaultRecord[] = [];
  readonly samples: Sample[] = [];
  private readonly options: TrialOptions;
  private readonly probed = new Map<number, Pick<Sample, 'fromMs' | 'measures' | 'cause'>>();
  /** The end of what is happening to each replica. */
  private readonly underway = new Map<number, Promise<void>>();
  private causes = 0;
  private asks = 0;

  constructor(options: TrialOptions) {
    this.options = options;
    options.client.on('probed', ({ cause, zone, outcome }) => {
      this.samples.push({ ...this.probed.get(cause)!, zone, outcome });
    });
  }

  /** From its begin to its end. On a slow machine it waits for the last one of the same replica to be over. */
  perform(fault: Fault): Promise<void> {
    if (fault.replica === null) return this.begin(fault);
    const before = this.underway.get(fault.replica) ?? Promise.resolve();
    const done = before.then(() => this.begin(fault));
    this.underway.set(fault.replica, done);
    return done;
  }

  private async begin(fault: Fault): Promise<void> {
    const { clock, print, box, zones } = this.options;
    const takesOver = fault.kind === 'kill' || (DEPOSES.includes(fault.kind) && fault.forMs > LEASE_MS);
    const asksZones = takesOver || fault.kind === 'drain';
    const owned = asksZones ? await this.zonesOf(fault.replica!) : [];
    const index = this.faults.length;
    const whose = fault.replica === null ? '' : ` replica ${fault.replica}`;
    print(`${fault.kind}${whose}${fault.forMs > 0 ? ` for ${(fault.forMs / 1_000).toFixed(1)} s` : ''}`);
    const record: FaultRecord = {
      kind: fault.kind,
      replica: fault.replica,
      fromMs: clock.nowMs(),
      toMs: null,
    };
    this.faults.push(record);
    const begun = (): void => {
      if (asksZones) this.probe(owned, fault.replica, takesOver ? 'taken_over' : 'handed_over', index);
    };
    await box.perform(fault, begun);
    record.toMs = clock.nowMs();
    if (STARVES.includes(fault.kind)) this.probe(zones, null, 'recovered', index);
  }

  /** Tries every zone once, with nothing wrong; resolves when all are served. */
  async probeUndisturbed(): Promise<void> {
    const { zones, clock } = this.options;
    const before = this.samples.length;
    this.probe(zones, null, 'undisturbed', -1);
    await new Promise<void>((resolve) => {
      const watch = clock.every(50, () => {
        const served = this.samples.slice(before).filter(({ measures }) => measures === 'undisturbed');
        if (served.length < zones.length) return;
        watch.cancel();
        resolve();
      });
    });
  }

  private probe(
    zones: readonly NamedZone[],
    avoid: number | null,
    measures: Sample['measures'],
    cause: number,
  ): void {
    const { client, clock } = this.options;
    const number = this.causes++;
    this.probed.set(number, { cause, measures, fromMs: clock.nowMs() });
    client.tell({ kind: 'probe', cause: number, zones: zones.map(({ zone }) => zone), avoid });
  }

  /** The zones a replica serves, by its own word; all of a single one's, none when it does not say. */
  private async zonesOf(number: number): Promise<NamedZone[]> {
    const { sites, zones, secret, clock } = this.options;
    if (sites.length === 1) return [...zones];
    // A new account each time: one asking so much would be told to slow down.
    const subject = `chaos-asks-${this.asks++}`;
    const key = Buffer.from(secret, 'utf8');
    const token = await issueToken({
      ...{ secret: key, role: 'rider', subject, ttlS: 600, wallNowMs: clock.nowMs() },
    });
    const served = await Promise.all(zones.map((zone) => this.isHere(sites[number]!, zone, token)));
    return zones.filter((_, at) => served[at]);
  }

  private async isHere({ port }: Site, { centre }: NamedZone, token: string): Promise<boolean> {
    const abort = new AbortController();
    const limit = this.options.clock.after(ASK_MS_MAX, () => abort.abort());
    try {
      const query = `lat=${centre.lat}&lng=${centre.lng}`;
      const response = await fetch(`http://127.0.0.1:${port}/v1/connect?${query}`, {
        headers: { authorization: `Bearer ${token}` },
        signal: abort.signal,
      });
      return response.ok && ((await response.json()) as { here?: boolean }).here === true;
    } catch {
      // It does not serve just now: then there is nothing to be taken over that it knows of.
      return false;
    } finally {
      limit.cancel();
    }
  }
}
