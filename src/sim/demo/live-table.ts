import type { CityCard } from './city-market.ts';
import type { ClientStats } from './client-messages.ts';

/** One moment of a run. */
export interface LiveView {
  readonly card: CityCard;
  readonly speed: number;
  readonly stats: ClientStats;
  readonly pingsPerS: number;
  /** Riders are no longer asking. */
  readonly isDraining: boolean;
}

const WIDTH = 74;

/** Local time of day in the city. */
function clockTime(cityMs: number, utcOffsetMs: number): string {
  return new Date(cityMs + utcOffsetMs).toISOString().slice(11, 19);
}

const ms = (value: number | null): string => (value === null ? '–' : `${value} ms`);

/** The table, line by line, all of one width. */
export function renderTable(view: LiveView): string[] {
  const { card, stats } = view;
  const { rides, drivers, offerLatency } = stats;
  const { match, marketId } = card.market;
  const title = `${marketId} · ${match.mode} · ${clockTime(stats.cityMs, card.utcOffsetMs)} · × ${view.speed}`;
  const waiting = rides.searching;
  const underWay = rides.toPickup + rides.atPickup + rides.onTrip;
  return [
    rule('┌', '┐', view.isDraining ? `${title} · last trips` : title),
    row(
      ['rides asked', rides.requests],
      ['matched', rides.matched],
      ['waiting', waiting],
      ['under way', underWay],
    ),
    row(
      ['done', rides.completed],
      ['expired', rides.expired],
      ['cancelled', rides.cancelled],
      ['refused', rides.refused],
    ),
    row(
      ['drivers', drivers.idle + drivers.moving],
      ['free', drivers.idle],
      ['pings/s', Math.round(view.pingsPerS)],
      ['offers', rides.offers],
    ),
    row(['request→offer p50', ms(offerLatency.p50)], ['p99', ms(offerLatency.p99)]),
    rule('└', '┘', ''),
  ];
}

type Entry = readonly [label: string, value: string | number];

function row(...entries: readonly Entry[]): string {
  const cellWidth = Math.floor((WIDTH - 4) / entries.length);
  const cells = entries.map(([label, value]) => {
    const text = String(value);
    const room = Math.max(1, cellWidth - 2 - label.length);
    return `${label}${text.padStart(room)}`.padEnd(cellWidth);
  });
  return `│ ${cells.join('').padEnd(WIDTH - 4)} │`;
}

function rule(left: string, right: string, title: string): string {
  const head = title === '' ? '' : ` ${title} `;
  return `${left}─${head.padEnd(WIDTH - 3, '─')}${right}`;
}

/** The same in one line, for logs. */
export function renderLine(view: LiveView): string {
  const { rides, offerLatency } = view.stats;
  const parts = [
    clockTime(view.stats.cityMs, view.card.utcOffsetMs),
    `asked ${rides.requests}`,
    `matched ${rides.matched}`,
    `waiting ${rides.searching}`,
    `under way ${rides.toPickup + rides.atPickup + rides.onTrip}`,
    `done ${rides.completed}`,
    `expired ${rides.expired}`,
    `cancelled ${rides.cancelled}`,
    `pings/s ${Math.round(view.pingsPerS)}`,
    `request→offer p50 ${ms(offerLatency.p50)} p99 ${ms(offerLatency.p99)}`,
  ];
  return parts.join(' · ');
}

/** Where a run is shown: a terminal, redrawn in place, or a log. */
export interface Screen {
  readonly isTty: boolean;
  write(text: string): void;
}

const LINE_EVERY_MS = 5_000;

/** Shows moment after moment: a table redrawn in place, or a line every few seconds. */
export class LiveTable {
  private readonly screen: Screen;
  private linesDrawn = 0;
  private lineMs = -Infinity;

  constructor(screen: Screen) {
    this.screen = screen;
  }

  show(view: LiveView, wallMs: number): void {
    if (this.screen.isTty) return this.redraw(renderTable(view));
    if (wallMs - this.lineMs < LINE_EVERY_MS) return;
    this.lineMs = wallMs;
    this.screen.write(`${renderLine(view)}\n`);
  }

  /** What is written next goes below. */
  leave(): void {
    this.linesDrawn = 0;
    this.lineMs = -Infinity;
  }

  private redraw(lines: readonly string[]): void {
    // Up to where it began, then each line anew, cleared to its end.
    const up = this.linesDrawn === 0 ? '' : `\u001b[${this.linesDrawn}A`;
    this.screen.write(up + lines.map((line) => `\r${line}\u001b[K\n`).join(''));
    this.linesDrawn = lines.length;
  }
}
