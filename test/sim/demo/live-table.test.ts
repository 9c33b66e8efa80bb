import { describe, expect, it } from 'vitest';
import { LiveTable, type LiveView, renderLine, renderTable } from '../../../src/sim/demo/live-table.ts';
import { CARD, REPORT } from './city-samples.ts';

const VIEW: LiveView = { card: CARD, speed: 20, stats: REPORT, pingsPerS: 123.4, isDraining: false };

describe('the live table', () => {
  it('shows all that was asked for, in lines of one width', () => {
    const lines = renderTable(VIEW);
    const text = lines.join('\n');
    for (const [label, value] of [
      ['rides asked', 10],
      ['matched', 6],
      ['waiting', 1],
      ['done', 4],
      ['expired', 1],
      ['cancelled', 2],
      ['pings/s', 123],
    ] as const)
      expect(text).toMatch(new RegExp(`${label} +${value}\\b`));
    expect(text).toContain('18:01:05');
    expect(text).toMatch(/request→offer p50 +21 ms/);
    expect(text).toMatch(/p99 +190 ms/);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });

  it('keeps its width with numbers as large as they get', () => {
    const rides = Object.fromEntries(Object.keys(REPORT.rides).map((key) => [key, 123_456]));
    const stats = { ...REPORT, rides: { ...REPORT.rides, ...rides } };
    expect(new Set(renderTable({ ...VIEW, stats }).map((line) => line.length)).size).toBe(1);
  });

  it('is redrawn in place on a terminal', () => {
    const written: string[] = [];
    const table = new LiveTable({ isTty: true, write: (text) => written.push(text) });
    table.show(VIEW, 0);
    table.show(VIEW, 500);
    const height = renderTable(VIEW).length;
    expect(written[0]!.split('\n')).toHaveLength(height + 1);
    expect(written[0]).not.toContain('\u001b[6A');
    expect(written[1]).toContain(`\u001b[${height}A`);
  });

  it('is a plain line every five seconds elsewhere', () => {
    const written: string[] = [];
    const table = new LiveTable({ isTty: false, write: (text) => written.push(text) });
    for (let wallMs = 0; wallMs <= 11_000; wallMs += 500) table.show(VIEW, wallMs);
    expect(written).toHaveLength(3);
    expect(written[0]).toBe(`${renderLine(VIEW)}\n`);
    expect(written.join('')).not.toContain('\u001b');
  });
});
