import { rejected, accepted, type Result } from '../domain/rejection.ts';

/** A place in a list that is read page by page, by time and then id. */
export interface PageCursor {
  /** Unix ms. */
  readonly ms: number;
  readonly id: string;
}

const CURSOR = /^(\d{1,15})\.([A-Za-z0-9_.:-]{1,64})$/;

/** As clients give it back: `next` of the page before. */
export const cursorText = ({ ms, id }: PageCursor): string => `${ms}.${id}`;

/** Null: the first page is asked for. */
export function cursorIn(text: string | number | undefined): Result<PageCursor | null> {
  if (text === undefined) return accepted(null);
  const [, ms, id] = CURSOR.exec(String(text)) ?? [];
  if (ms === undefined || id === undefined)
    return rejected('bad_message', 'query after: give `next` of the page before');
  return accepted({ ms: Number(ms), id });
}
