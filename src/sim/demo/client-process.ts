/**
 * The process of a city's apps, started by the demo with an IPC channel and driven by its messages (client-messages.ts). Ends
 * when the channel does. No environment and no arguments: all comes in messages.
 */
import { createWallClock } from '../../lib/clock.ts';
import { DemoClient } from './demo-client.ts';
import type { FromClient, ToClient } from './client-messages.ts';

const tell = (message: FromClient): void => {
  // False means only that the channel is slow; without one the demo is gone, and so are we in a moment.
  if (process.connected) process.send?.(message);
};
const client = new DemoClient(createWallClock(), tell);

process.on('message', (message: ToClient) => {
  client.take(message).catch((error: unknown) => {
    const sentence = error instanceof Error ? error.message : String(error);
    console.error(sentence);
    // The demo hears the sentence first, then that we are gone.
    process.send?.({ kind: 'failed', message: sentence } satisfies FromClient, () => process.exit(1));
  });
});
for (const event of ['disconnect', 'SIGTERM']) process.once(event, () => process.exit(0));
