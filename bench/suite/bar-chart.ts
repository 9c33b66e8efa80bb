import { linearAxis, logAxis, tickText } from './axis.ts';
import { coloursOf, Drawing, INK } from './drawing.ts';
import { figureText } from './report-text.ts';

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
}

export interface BarChart {
  readonly title: string;
  /** In small print below the title. */
  readonly subtitle: string;
  readonly unit: string;
  readonly scale: 'log' | 'linear';
  readonly groups: readonly { readonly title: string; readonly bars: readonly Bar[] }[];
}

const SIZE = { width: 860, left: 210, right: 110, top: 84, bar: 15, step: 20, heading: 24, gap: 10 };

/** Bars from left to right, group below group, each with its value and a whisker from the least to the most. */
export function barChart({ title, subtitle, unit, scale, groups }: BarChart): string {
  const bars = groups.flatMap((group) => group.bars);
  const axis = (scale === 'log' ? logAxis : linearAxis)(bars.flatMap(({ least, most }) => [least, most]));
  const colours = coloursOf(bars.map(({ name }) => name));
  const drawing = new Drawing(SIZE.width);
  const x = (value: number): number => SIZE.left + axis.at(value) * (SIZE.width - SIZE.left - SIZE.right);
  const height = SIZE.top + groups.length * (SIZE.heading + SIZE.gap) + bars.length * SIZE.step + SIZE.gap;
  drawing.text(16, 28, title, { size: 16, isBold: true });
  drawing.text(16, 48, subtitle, { size: 11, fill: INK.muted });
  for (const tick of axis.ticks) {
    const at: [number, number][] = [
      [x(tick), SIZE.top - 8],
      [x(tick), height - SIZE.gap],
    ];
    drawing.line(at, INK.grid);
    drawing.text(x(tick), SIZE.top - 13, tickText(tick), { anchor: 'middle', size: 11, fill: INK.muted });
  }
  let y = SIZE.top;
  for (const group of groups) {
    drawing.text(16, y + 16, group.title, { isBold: true });
    y += SIZE.heading;
    for (const bar of group.bars) {
      drawing.text(SIZE.left - 8, y + 12, bar.name, { anchor: 'end' });
      drawing.rect(SIZE.left, y, x(bar.value) - SIZE.left, SIZE.bar, colours.get(bar.name)!);
      const middle = y + SIZE.bar / 2;
      const whisker: [number, number][] = [
        [x(bar.least), middle],
        [x(bar.most), middle],
      ];
      drawing.line(whisker, INK.text);
      drawing.text(x(Math.max(bar.value, bar.most)) + 6, y + 12, `${figureText(bar.value)} ${unit}`);
      y += SIZE.step;
    }
    y += SIZE.gap;
  }
  return drawing.finished(height, title);
}
