import type { DriverStatus } from '../../domain/driver-state.ts';
import type { DriverId } from '../../domain/ids.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type { ServerProcess } from './server-process.ts';
import type { Report } from './violation.ts';

/** In a quiet world a server's picture is the store's: no work left over, the status of every driver that it hosts right. */
export async function checkServer(
  { engine, name }: ServerProcess,
  store: MemoryTripStore,
  report: Report,
): Promise<void> {
  for (const { dispatcher } of engine.markets.values()) {
    const { requests, offers } = dispatcher.state;
    for (const tripId of requests.keys())
      report({ rule: 'R6', tripId, detail: `has ended, and ${name} still searches` });
    for (const { tripId, phase } of offers.values())
      report({ rule: 'R6', tripId, detail: `has ended, and ${name} holds an offer (${phase})` });
  }
  if (engine.active.count > 0)
    report({ rule: 'R6', tripId: null, detail: `${name} still follows ${engine.active.count} ended trips` });
  const { index } = engine;
  for (let slot = 0; slot < index.slotsEnd; slot++) {
    const driverId = index.driverOf(slot);
    if (driverId === null || !index.isHere(slot)) continue;
    const status = index.statusOf(slot);
    const stored = await storedStatus(store, driverId);
    if (status !== stored)
      report({
        rule: 'R6',
        tripId: null,
        detail: `${driverId} is ${status} in the index of ${name}, stored is ${stored}`,
      });
  }
}

/** In a quiet world a driver is with one replica. */
export function checkHosts(servers: readonly ServerProcess[], report: Report): void {
  const hosts = new Map<DriverId, string>();
  for (const { engine, name } of servers) {
    const { index } = engine;
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      const driverId = index.driverOf(slot);
      if (driverId === null || !index.isHere(slot)) continue;
      const other = hosts.get(driverId);
      if (other !== undefined)
        report({ rule: 'R7', tripId: null, detail: `${driverId} is with ${other} and with ${name}` });
      hosts.set(driverId, name);
    }
  }
}

async function storedStatus(store: MemoryTripStore, driverId: DriverId): Promise<DriverStatus> {
  const trip = await store.activeTripOfDriver(driverId);
  if (trip !== null) return trip.status as DriverStatus;
  if ((await store.liveOfferOfDriver(driverId)) !== null) return 'offered';
  return (await store.dutyOf(driverId))?.onDuty === true ? 'available' : 'offline';
}
