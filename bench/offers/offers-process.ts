import { createWallClock } from '../../src/lib/clock.ts';
import type { PeerName } from '../peers/peer-servers.ts';
import { SPEECHES } from '../peers/speech.ts';
import type { Crew } from './crew.ts';
import { EngineCrew } from './engine-crew.ts';
import type { FromOffers, ToOffers } from './offers-messages.ts';
import { peerCrew } from './peer-crew.ts';
import { TimedTown } from './timed-town.ts';

/** The timed drivers and riders as a process of their own; its parent gives the orders (offers-messages.ts) and ends it by closing the channel. */
const clock = createWallClock();
const tell = (message: FromOffers): void => void process.send!(message);
const fail = (error: unknown): void =>
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
let town: TimedTown | null = null;

const crewOf = (server: string): Crew =>
  server === 'hexdispatch'
    ? new EngineCrew(clock, fail)
    : peerCrew(SPEECHES[server as PeerName], clock, fail);

async function obey(order: ToOffers): Promise<void> {
  if (order.kind === 'connect') {
    town = new TimedTown(order.plan, crewOf(order.plan.server), clock);
    await town.connect();
    return tell({ kind: 'connected' });
  }
  if (town === null) throw new Error('not connected');
  tell({ kind: 'asked', figures: await town.ask(order.plan) });
}

process.on('message', (order: ToOffers) => void obey(order).catch(fail));
process.on('disconnect', () => process.exit(0));
