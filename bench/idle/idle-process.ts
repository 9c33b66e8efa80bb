import { createWallClock } from '../../src/lib/clock.ts';
import { inParallel } from '../load/in-parallel.ts';
import { connectorOf, type IdleDriver } from './idle-drivers.ts';
import type { FromIdle, IdlePlan, ToIdle } from './idle-messages.ts';

/** So many are on their way in, or going on duty, at once. */
const BUSY_MAX = 32;

/** Idle drivers in a process of their own: what their sockets cost is not the server's. */
const clock = createWallClock();
const drivers: IdleDriver[] = [];

const tell = (message: FromIdle): void => void process.send!(message);
const fail = (error: unknown): void =>
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });

async function connect({ subject, port, localAddress, first, count }: IdlePlan): Promise<void> {
  const connectDriver = connectorOf(subject, clock);
  await inParallel(count, BUSY_MAX, async (i) => {
    drivers.push(await connectDriver({ port, localAddress, n: first + i, onLost: fail }));
  });
}

async function obey(order: ToIdle): Promise<void> {
  if (order.kind === 'connect') {
    await connect(order.plan);
    return tell({ kind: 'connected' });
  }
  await inParallel(drivers.length, BUSY_MAX, (i) => drivers[i]!.goOnDuty());
  tell({ kind: 'on_duty' });
}

process.on('message', (order: ToIdle) => void obey(order).catch(fail));
process.on('disconnect', () => process.exit(0));
