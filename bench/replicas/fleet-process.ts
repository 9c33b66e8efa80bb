import { createWallClock } from '../../src/lib/clock.ts';
import { Fleet } from './fleet.ts';
import type { FromFleet, ToFleet } from './fleet-messages.ts';

/** The drivers in a process of their own: what they cost is not the servers'. It ends with the channel to its parent. */
let fleet: Fleet | null = null;

const tell = (message: FromFleet): void => void process.send?.(message);
const fail = (error: unknown): void =>
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });

async function follow(message: ToFleet): Promise<void> {
  if (message.kind === 'connect') {
    fleet = new Fleet(message.plan, createWallClock(), fail);
    return tell({ kind: 'online', driversByServer: await fleet.connect() });
  }
  if (fleet === null) throw new Error('nobody is connected');
  if (message.kind === 'drive') return fleet.drive(message.pingMs);
  fleet.halt();
  tell({ kind: 'halted', sent: fleet.sent, lateMsMax: fleet.lateMsMax });
}

process.on('message', (message: ToFleet) => void follow(message).catch(fail));
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
