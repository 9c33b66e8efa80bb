import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { HistoryLine } from './history.ts';
import type { Violation } from './verdict.ts';

/** Reads a history; a last line that was cut off by the end of its writer is left out. Error for any other bad line. */
export async function readHistory(file: string): Promise<HistoryLine[]> {
  const lines: HistoryLine[] = [];
  let torn: string | null = null;
  for await (const text of createInterface({ input: createReadStream(file) })) {
    if (torn !== null) throw new Error(`${file} holds a line that is none: ${torn.slice(0, 100)}`);
    const line = parse(text);
    if (line === null) torn = text;
    else lines.push(line);
  }
  return lines;
}

function parse(text: string): HistoryLine | null {
  try {
    return JSON.parse(text) as HistoryLine;
  } catch {
    return null;
  }
}

/** Lines shown for one violation. */
const SHOWN_MAX = 14;

/** The history lines that a violation is about, the newest if there are many. */
export function linesAbout(history: readonly HistoryLine[], { who, about }: Violation): string[] {
  if (who === null && about === null) return [];
  const texts: string[] = [];
  for (const line of history) {
    if (who !== null && line.who !== who) continue;
    const isFrame = line.k === 'open' || line.k === 'closed' || line.k === 'hangup';
    const text = JSON.stringify(line);
    // Connections are shown too where one client's story is told.
    if (about === null || text.includes(about) || (who !== null && isFrame)) texts.push(text);
  }
  return texts.slice(-SHOWN_MAX);
}
