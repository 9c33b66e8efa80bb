import type { Clock, Timer } from '../../src/lib/clock.ts';
import { unixMs } from './engine-speech.ts';

/** The loop looks at the time so often: as fine as timers go, for pings that come in heaps are cheaper than a city's are. */
const STEP_MS = 1;
/** A load that sends less than this share of what was planned is another load. */
const SENT_SHARE_MIN = 0.95;

/** Writes at a given rate, whatever the servers do: what is due is written, from its making until `stop`. */
export class OpenLoop {
  /** How far it was behind its own plan at most. */
  lateMsMax = 0;
  private readonly timer: Timer;

  /** `write` is told the number of the write, from 0, and the time as Unix ms with fractions. */
  constructor(clock: Clock, writesPerS: number, write: (n: number, nowMs: number) => void) {
    const beganMs = unixMs();
    let written = 0;
    this.timer = clock.every(STEP_MS, () => {
      const nowMs = unixMs();
      const due = Math.floor(((nowMs - beganMs) * writesPerS) / 1_000);
      this.lateMsMax = Math.max(this.lateMsMax, ((due - written) * 1_000) / writesPerS);
      for (; written < due; written++) write(written, nowMs);
    });
  }

  stop(): void {
    this.timer.cancel();
  }
}

/** Why there is no figure when the load itself could not send what was planned; null when it could. Both are pings per second. */
export function shortfallOf(sentPerS: number, plannedPerS: number): string | null {
  if (sentPerS >= plannedPerS * SENT_SHARE_MIN) return null;
  const [sent, planned] = [sentPerS, plannedPerS].map((perS) => Math.round(perS).toLocaleString('en'));
  return `the load could send only ${sent} of ${planned} pings/s`;
}
