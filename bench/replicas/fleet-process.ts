import { createWallClock } from '../../src/lib/clock.ts';
import { Fleet } from './fleet.ts';
import type { FromFleet, ToFleet } from './fleet-messages.ts';

/** The drivers in a process of their own: what they cost is not the servers'. It ends with the channel to its parent. */
let fleet: Fleet | null = null;

const tell = (message: FromFleet): void => void process.send?.(message);

async function follow(message: ToFleet): Promise<void> {
  if (message.kind === 'begin') {
    fleet = new Fleet(message.plan, createWallClock());
    return;
  }
  if (fleet === null) throw new Error('there is no plan');
  if (message.kind === 'grow') tell({ kind: 'online', driversByServer: await fleet.grow(message.drivers) });
  else if (message.kind === 'drive') fleet.drive(message.pingMs);
  else tell({ kind: 'halted', figures: await fleet.halt() });
}

process.on('message', (message: ToFleet) => {
  follow(message).catch((error: unknown) =>
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
