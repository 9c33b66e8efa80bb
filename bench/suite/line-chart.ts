import { linearAxis, logAxis, tickText } from './axis.ts';
import { coloursOf, Drawing, INK } from './drawing.ts';

export interface Line {
  readonly name: string;
  /** In the order of x; at least one. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface LineChart {
  readonly title: string;
  /** In small print below the title. */
  readonly subtitle: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly lines: readonly Line[];
}

const SIZE = { width: 860, left: 64, right: 24, top: 90, plot: 320, axis: 44, legend: 20 };
/** A y axis over a wider range than this is logarithmic. */
const LINEAR_RANGE_MAX = 20;

/** Lines over a logarithmic x axis, with their names below. */
export function lineChart({ title, subtitle, xTitle, yTitle, lines }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  const ys = points.map(({ y }) => y);
  const isWide = Math.max(...ys) > LINEAR_RANGE_MAX * Math.min(...ys);
  const axes = {
    x: logAxis(points.map(({ x }) => x)),
    y: (isWide ? logAxis : linearAxis)(ys),
  };
  const colours = coloursOf(lines.map(({ name }) => name));
  const drawing = new Drawing(SIZE.width);
  const bottom = SIZE.top + SIZE.plot;
  const x = (value: number): number => SIZE.left + axes.x.at(value) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (value: number): number => bottom - axes.y.at(value) * SIZE.plot;

  drawing.text(16, 28, title, { size: 16, isBold: true });
  drawing.text(16, 48, subtitle, { size: 11, fill: INK.muted });
  drawing.text(16, SIZE.top - 16, yTitle, { size: 11, fill: INK.muted });
  const small = { size: 11, fill: INK.muted };
  for (const tick of axes.y.ticks) {
    const across: [number, number][] = [
      [SIZE.left, y(tick)],
      [SIZE.width - SIZE.right, y(tick)],
    ];
    drawing.line(across, INK.grid);
    drawing.text(SIZE.left - 6, y(tick) + 4, tickText(tick), { anchor: 'end', ...small });
  }
  for (const tick of axes.x.ticks) {
    const down: [number, number][] = [
      [x(tick), SIZE.top],
      [x(tick), bottom],
    ];
    drawing.line(down, INK.grid);
    drawing.text(x(tick), bottom + 16, tickText(tick), { anchor: 'middle', ...small });
  }
  drawing.text(SIZE.width - SIZE.right, bottom + 34, xTitle, { anchor: 'end', ...small });
  for (const [i, { name, points: ofLine }] of lines.entries()) {
    const colour = colours.get(name)!;
    if (ofLine.length > 1)
      drawing.line(
        ofLine.map((point) => [x(point.x), y(point.y)]),
        colour,
        2,
      );
    for (const point of ofLine) drawing.dot(x(point.x), y(point.y), colour);
    const legendY = bottom + SIZE.axis + i * SIZE.legend;
    drawing.rect(SIZE.left, legendY + 3, 18, 4, colour);
    drawing.text(SIZE.left + 26, legendY + 10, name);
  }
  return drawing.finished(bottom + SIZE.axis + lines.length * SIZE.legend + 8, title);
}
