import { createWallClock } from '../../src/lib/clock.ts';
import { Load } from './load.ts';
import type { FromLoad, ToLoad } from './load-messages.ts';
import { speechOf } from './speeches.ts';

/** A load generator as a process of its own; its parent gives the orders (load-messages.ts) and ends it by closing the channel. */
const clock = createWallClock();
const tell = (message: FromLoad): void => void process.send!(message);
const fail = (error: unknown): void =>
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
let load: Load | null = null;

async function obey(order: ToLoad): Promise<void> {
  if (order.kind === 'connect') {
    load = new Load(order.plan, speechOf(order.plan.speech, clock), clock, fail);
    await load.connect();
    return tell({ kind: 'connected' });
  }
  if (load === null) throw new Error('not connected');
  if (order.kind === 'flood') load.flood();
  else if (order.kind === 'stream') load.stream(order.writesPerS);
  else {
    if (order.kind === 'halt') load.halt();
    tell({ kind: 'figures', figures: load.figures });
  }
}

process.on('message', (order: ToLoad) => void obey(order).catch(fail));
process.on('disconnect', () => process.exit(0));
