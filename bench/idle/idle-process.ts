import { createWallClock } from '../../src/lib/clock.ts';
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
  await forEach(count, async (i) => {
    drivers.push(await connectDriver({ port, localAddress, n: first + i, onLost: fail }));
  });
}

/** Calls `work` with 0 to `count - 1`, BUSY_MAX at a time. */
async function forEach(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: BUSY_MAX }, worker));
}

async function obey(order: ToIdle): Promise<void> {
  if (order.kind === 'connect') {
    await connect(order.plan);
    return tell({ kind: 'connected' });
  }
  await forEach(drivers.length, (i) => drivers[i]!.goOnDuty());
  tell({ kind: 'on_duty' });
}

process.on('message', (order: ToIdle) => void obey(order).catch(fail));
process.on('disconnect', () => process.exit(0));
