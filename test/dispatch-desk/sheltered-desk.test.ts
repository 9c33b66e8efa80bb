import { describe, expect, it } from 'vitest';
import type { RiderCommand } from '../../src/dispatch/desk.ts';
import type { LoadLevel } from '../../src/dispatch/load-level.ts';
import { type ShelterLimits, ShelteredDesk } from '../../src/dispatch/sheltered-desk.ts';
import type { DriverId, RiderId } from '../../src/domain/ids.ts';
import { idleLoop } from '../../src/lib/clock.ts';
import { DRIVER_EXAMPLES, RIDER_EXAMPLES } from '../../src/protocol/vectors.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { RecordingDesk, TRIP_ID } from '../gateway/recording-desk.ts';

const DRIVER = 'driver-1' as DriverId;
const RIDER = 'rider-1' as RiderId;
const LEVELS: LoadLevel[] = ['calm', 'busy', 'full'];
const request = RIDER_EXAMPLES.find(({ t }) => t === 'request')!;

function shelter(limits: Partial<ShelterLimits> = {}) {
  const desk = new RecordingDesk();
  const load: { level: LoadLevel } = { level: 'calm' };
  const clock = new VirtualClock(0);
  const lateErrors: unknown[] = [];
  const sheltered = new ShelteredDesk({
    ...{ desk, load, wallClock: clock, limits },
    onLateError: (error) => lateErrors.push(error),
  });
  return { desk, load, clock, lateErrors, sheltered };
}

const member = (name: string) => ({ role: 'rider', riderId: name as RiderId }) as const;

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  const untilMs = clock.nowMs() + ms;
  await idleLoop();
  while (clock.fireNext(untilMs)) await idleLoop();
}

describe('a full server', () => {
  it('refuses new requests, to be sent again; the same id goes through when it is not full any more (R5)', async () => {
    const { desk, load, sheltered } = shelter();
    for (const level of LEVELS) {
      load.level = level;
      const answer = await sheltered.rider(RIDER, { ...request, id: level });
      if (level === 'full') expect(answer).toEqual({ ok: false, code: 'overloaded' });
      else expect(answer.ok).toBe(true);
    }
    expect(desk.commands.map(({ command }) => command.id)).toEqual(['calm', 'busy']);
    expect(sheltered.counts.requestsShed).toBe(1);
    load.level = 'busy';
    expect((await sheltered.rider(RIDER, { ...request, id: 'full' })).ok).toBe(true);
  });

  it('serves everything else at every level: trips under way are never refused', async () => {
    const { desk, load, sheltered } = shelter();
    for (const level of LEVELS) {
      load.level = level;
      for (const command of DRIVER_EXAMPLES)
        if ('id' in command)
          expect(await sheltered.driver(DRIVER, command)).not.toMatchObject({ code: 'overloaded' });
      for (const command of RIDER_EXAMPLES)
        if (command.t !== 'request')
          expect(await sheltered.rider(RIDER, command)).not.toMatchObject({ code: 'overloaded' });
      expect((await sheltered.snapshot(member('rider-1'))).ok).toBe(true);
      expect((await sheltered.seat(member('rider-1'))).ok).toBe(true);
      expect((await sheltered.trip(member('rider-1'), TRIP_ID)).ok).toBe(true);
    }
    expect(desk.commands.length).toBeGreaterThan(20);
  });
});

describe('an answer', () => {
  it('that the store keeps to itself is unavailable in time, and what comes of it later is told to nobody', async () => {
    const { desk, clock, sheltered, lateErrors } = shelter({ answerMsMax: 4_000 });
    desk.commandGate.shut();
    desk.snapshotGate.shut();
    const answers = [
      sheltered.rider(RIDER, request),
      sheltered.driver(DRIVER, { t: 'offline', id: '1' }),
      sheltered.seat(member('rider-2')),
    ];
    await pass(clock, 3_999);
    expect(sheltered.inFlight).toBe(3);
    await pass(clock, 1);
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ code: 'unavailable' });
    expect(sheltered.counts.late).toBe(3);
    // Still in flight: nobody knows yet what became of them.
    expect(sheltered.inFlight).toBe(3);
    desk.commandGate.open();
    desk.snapshotGate.open();
    await pass(clock, 0);
    expect(sheltered.inFlight).toBe(0);
    expect((await sheltered.rider(RIDER, request)).ok).toBe(true);
    expect(lateErrors).toEqual([]);
  });

  it('that fails is the caller’s, or, when nobody waits any more, told at the edge', async () => {
    const { desk, clock, sheltered, lateErrors } = shelter();
    desk.failsWith = new Error('a bug');
    await expect(sheltered.rider(RIDER, request)).rejects.toThrow('a bug');
    const late = new Error('too late');
    desk.trip = async () => {
      await new Promise<void>((resolve) => clock.after(10_000, resolve));
      throw late;
    };
    const answer = sheltered.trip(member('rider-1'), TRIP_ID);
    await pass(clock, 10_000);
    expect(await answer).toMatchObject({ code: 'unavailable' });
    expect(lateErrors).toEqual([late]);
    expect(sheltered.inFlight).toBe(0);
  });
});

describe('R10: what is in flight', () => {
  it('is bounded, and what a trip under way needs has room longer than new requests and questions', async () => {
    const { desk, sheltered } = shelter({ inFlightMax: 3, optionalInFlightMax: 2 });
    desk.commandGate.shut();
    const cancel: RiderCommand = { t: 'cancel', id: 'c', tripId: TRIP_ID, reason: 'no' };
    const first = [sheltered.rider(RIDER, request), sheltered.rider(RIDER, { ...request, id: '2' })];
    expect(await sheltered.rider(RIDER, { ...request, id: '3' })).toMatchObject({ code: 'overloaded' });
    const cancelled = sheltered.rider(RIDER, cancel);
    expect(await sheltered.rider(RIDER, { ...cancel, id: 'd' })).toMatchObject({ code: 'overloaded' });
    expect(sheltered.counts.overloaded).toBe(2);
    desk.commandGate.open();
    for (const answer of await Promise.all([...first, cancelled])) expect(answer.ok).toBe(true);
    expect((await sheltered.rider(RIDER, { ...request, id: '3' })).ok).toBe(true);
  });

  it('has few snapshots at once: others wait, and beyond that a new connection is sent away', async () => {
    const { desk, clock, sheltered } = shelter({
      ...{ snapshotsLoadingMax: 2, snapshotsWaitingMax: 1, snapshotWaitMsMax: 500 },
    });
    desk.snapshotGate.shut();
    const loading = ['a', 'b'].map((name) => sheltered.seat(member(name)));
    const waiting = sheltered.seat(member('c'));
    await idleLoop();
    expect([sheltered.snapshots.running, sheltered.snapshots.waiting]).toEqual([2, 1]);
    expect(sheltered.snapshots.hasRoom).toBe(false);
    expect(await sheltered.seat(member('d'))).toMatchObject({ code: 'overloaded' });
    expect(desk.snapshotGate.arrived).toBe(2);
    await pass(clock, 500);
    expect(await waiting).toMatchObject({ code: 'overloaded' });
    const patient = sheltered.seat(member('e'));
    desk.snapshotGate.open();
    for (const answer of await Promise.all([...loading, patient])) expect(answer.ok).toBe(true);
    expect(sheltered.counts.snapshotsShed).toBe(2);
    expect(sheltered.snapshots.hasRoom).toBe(true);
  });
});
