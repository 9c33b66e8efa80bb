import type { DriverId } from '../domain/ids.ts';
import type { Engine } from './engine.ts';
import { letDriverGo } from './learn.ts';

/** Who has pinged within this is surely connected here. */
const SILENT_MS = 10_000;
/** Drivers asked for in one question. */
const ASKED_MAX = 1_000;

/**
 * News of a seat taken elsewhere may have been lost: of the drivers here who are silent, those that another replica has are let go.
 * Rejects when a replica does not answer; the drivers then stay until their silence is long enough to be asked for again (R8).
 */
export async function checkSeats(engine: Engine): Promise<void> {
  const silent = silentDrivers(engine);
  for (let at = 0; at < silent.length; at += ASKED_MAX) {
    const elsewhere = await engine.peers.hosted(silent.slice(at, at + ASKED_MAX));
    for (const driverId of elsewhere) if (isSilent(engine, driverId)) letDriverGo(engine, driverId);
  }
}

function silentDrivers(engine: Engine): DriverId[] {
  const { index } = engine;
  const silent: DriverId[] = [];
  for (let slot = 0; slot < index.slotsEnd; slot++) {
    if (!index.isLive(slot)) continue;
    const driverId = index.driverOf(slot)!;
    if (isSilent(engine, driverId)) silent.push(driverId);
  }
  return silent;
}

function isSilent({ index, clock }: Engine, driverId: DriverId): boolean {
  const slot = index.slotOf(driverId);
  if (slot < 0 || !index.isHere(slot)) return false;
  return clock.nowMs() - index.columns.receivedMs[slot]! > SILENT_MS;
}
