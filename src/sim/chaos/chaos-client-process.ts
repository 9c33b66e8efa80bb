/**
 * The process of a chaos run's clients, started by the run with an IPC channel and driven by its messages (client-messages.ts).
 * Ends when the channel does. No environment and no arguments: all comes in messages.
 */
import { createWallClock } from '../../lib/clock.ts';
import { ChaosClient } from './chaos-client.ts';
import type { FromChaosClient, ToChaosClient } from './client-messages.ts';

const tell = (message: FromChaosClient): void => {
  // False means only that the channel is slow; without one the run is gone, and so are we in a moment.
  if (process.connected) process.send?.(message);
};
const client = new ChaosClient(createWallClock(), tell);

process.on('message', (message: ToChaosClient) => {
  client.take(message).catch((error: unknown) => {
    const sentence = error instanceof Error ? error.message : String(error);
    console.error(error);
    // The run hears the sentence first, then that we are gone.
    process.send?.({ kind: 'failed', message: sentence } satisfies FromChaosClient, () => process.exit(1));
  });
});
for (const event of ['disconnect', 'SIGTERM']) process.once(event, () => process.exit(0));
