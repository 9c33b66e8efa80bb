import { Drawing, INK } from './drawing.ts';
import type { Goal } from './row.ts';

/** What came of a goal in one run. */
export interface GoalCell {
  readonly met: boolean;
  /** See `closenessOf`; null where there is no such number. */
  readonly closeness: number | null;
}

export interface GoalGrid {
  readonly title: string;
  /** In small print below the title. */
  readonly subtitle: string;
  /** Commits, oldest first. */
  readonly columns: readonly string[];
  /** For each column a cell, or null where it was not measured then. */
  readonly rows: readonly { readonly name: string; readonly cells: readonly (GoalCell | null)[] }[];
}

const SIZE = { left: 440, top: 84, column: 72, row: 22, right: 16 };

/** How much of what a goal allows was used: 1 is just met, below is better, above is a miss. Null for a goal that is no bound, or without a figure. */
export function closenessOf({ goal, measured }: Pick<Goal, 'goal' | 'measured'>): number | null {
  const bound = /^at (most|least) (\d[\d.]*)/.exec(goal);
  if (bound === null || measured === null) return null;
  const limit = Number(bound[2]);
  const closeness = bound[1] === 'most' ? measured / limit : limit / measured;
  return Number.isFinite(closeness) ? closeness : null;
}

/** A row for each goal, a column for each commit: green where it was met, with how much of the bound was used. */
export function goalGrid({ title, subtitle, columns, rows }: GoalGrid): string {
  const drawing = new Drawing(Math.max(860, SIZE.left + columns.length * SIZE.column + SIZE.right));
  drawing.text(16, 28, title, { size: 16, isBold: true });
  drawing.text(16, 48, subtitle, { size: 11, fill: INK.muted });
  const left = (column: number): number => SIZE.left + column * SIZE.column;
  const middle = (column: number): number => left(column) + SIZE.column / 2;
  for (const [column, name] of columns.entries())
    drawing.text(middle(column), SIZE.top - 8, name, { anchor: 'middle', size: 11, fill: INK.muted });
  for (const [i, { name, cells }] of rows.entries()) {
    const y = SIZE.top + i * SIZE.row;
    drawing.text(SIZE.left - 8, y + 15, name, { anchor: 'end', size: 11 });
    for (const [column, cell] of cells.entries()) {
      const fill = cell === null ? INK.none : cell.met ? INK.good : INK.bad;
      drawing.rect(left(column) + 1, y + 1, SIZE.column - 2, SIZE.row - 2, fill);
      drawing.text(middle(column), y + 15, cell === null ? '' : cellText(cell), {
        anchor: 'middle',
        size: 11,
      });
    }
  }
  return drawing.finished(SIZE.top + rows.length * SIZE.row + 16, title);
}

function cellText({ met, closeness }: GoalCell): string {
  const mark = met ? '✓' : '✗';
  return closeness === null ? mark : `${mark} ${Number(closeness.toPrecision(3))}`;
}
