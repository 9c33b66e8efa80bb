import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DriverId } from '../../src/domain/ids.ts';
import type { Seat } from '../../src/gateway/sessions.ts';
import { TRIP, TRIP_ID } from './recording-desk.ts';
import { rider, setUp, TestLine } from './sessions-town.ts';

describe('a session', () => {
  it('welcomes with a snapshot, then numbers what it tells (R6)', async () => {
    const { join, duty } = setUp();
    const line = new TestLine();
    expect(await join(line).welcomed).toBe(true);
    duty();
    duty();
    expect(line.welcome).toMatchObject({ seq: 0, resumed: false, heartbeatS: 30, epoch: 'e.1' });
    expect(line.welcome.snapshot).toEqual({ status: 'available', offer: null, trip: null });
    expect(line.seqs).toEqual([1, 2]);
  });

  it('resumes with what was missed, and without asking the desk (R6)', async () => {
    const { join, duty, desk, sessions, counters } = setUp();
    const first = new TestLine();
    const seat = join(first);
    await seat.welcomed;
    duty();
    sessions.leave(seat.session, first);
    duty();
    duty();
    const calls = desk.calls;
    const second = new TestLine();
    expect(await join(second, { epoch: first.welcome.epoch, seq: 1 }).welcomed).toBe(true);
    expect(second.welcome).toMatchObject({ resumed: true, seq: 1, snapshot: null });
    expect(second.seqs).toEqual([2, 3]);
    expect(first.seqs).toEqual([1]);
    expect(desk.calls).toBe(calls);
    expect(counters).toMatchObject({ resumesMade: 1, resumesMissed: 0 });
  });

  it.each([
    ['another epoch', { epoch: 'e.9', seq: 5 }],
    ['a number that was never given out', { epoch: 'e.1', seq: 7 }],
    ['a number older than what is kept (R10)', { epoch: 'e.1', seq: 0 }],
  ])('answers %s with a snapshot as of now', async (_why, resume) => {
    const { join, duty, sessions, counters } = setUp();
    const first = new TestLine();
    const seat = join(first);
    await seat.welcomed;
    sessions.leave(seat.session, first);
    for (let i = 0; i < 6; i++) duty();
    const second = new TestLine();
    await join(second, resume).welcomed;
    expect(second.welcome).toMatchObject({ resumed: false, seq: 6, epoch: 'e.1' });
    expect(second.seqs).toEqual([]);
    expect(counters.resumesMissed).toBe(1);
  });

  it('sends what is told while the snapshot loads after the welcome, all of it (R6)', async () => {
    const { join, duty, desk } = setUp();
    desk.snapshotGate.shut();
    const line = new TestLine();
    const seat = join(line);
    duty();
    duty();
    expect(line.got).toEqual([]);
    desk.snapshotGate.open();
    await seat.welcomed;
    duty();
    expect(line.welcome.seq).toBe(0);
    expect(line.seqs).toEqual([1, 2, 3]);
  });

  it('loads again when more was told meanwhile than is kept, and gives up in the end (R10)', async () => {
    const { join, duty, desk } = setUp();
    desk.snapshotGate.shut();
    const line = new TestLine();
    const seat = join(line);
    for (let load = 1; load <= 3; load++) {
      expect(desk.snapshotGate.arrived).toBe(load);
      for (let i = 0; i < 5; i++) duty();
      desk.snapshotGate.open();
      desk.snapshotGate.shut();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await seat.welcomed).toBe(false);
    expect(line.closedWith).toBe('lost_track');
    expect(line.got).toEqual([]);
  });

  it('gives a newer connection the place of the older one, also while that is still being welcomed', async () => {
    const { join, duty, desk } = setUp();
    desk.snapshotGate.shut();
    const [older, newer] = [new TestLine(), new TestLine()];
    const olderSeat = join(older);
    const newerSeat = join(newer);
    expect(older.closedWith).toBe('replaced');
    desk.snapshotGate.open();
    expect(await olderSeat.welcomed).toBe(false);
    expect(await newerSeat.welcomed).toBe(true);
    duty();
    expect(older.got).toEqual([]);
    expect(newer.seqs).toEqual([1]);
  });

  it('closes with a code to come back later when the state cannot be loaded', async () => {
    const { join, desk, errors } = setUp();
    desk.snapshot = () => Promise.reject(new Error('broken'));
    const line = new TestLine();
    expect(await join(line).welcomed).toBe(false);
    expect(line.closedWith).toBe('unavailable');
    expect(errors).toHaveLength(1);
  });

  it('keeps only the newest place of the driver for a reader who is slow (R10)', async () => {
    const { sessions, counters } = setUp();
    const line = new TestLine();
    const seat = sessions.join(rider, line, null);
    await seat.welcomed;
    const at = (etaS: number) =>
      sessions.toRider(rider.riderId, {
        ...{ t: 'driver_at', tripId: TRIP_ID, place: { lat: 1, lng: 2 }, headingDeg: null, etaS },
      });
    at(9);
    line.congested = true;
    at(8);
    at(7);
    at(6);
    sessions.toRider(rider.riderId, { t: 'trip', trip: TRIP });
    expect(line.got.map(({ t }) => t)).toEqual(['welcome', 'driver_at', 'trip']);
    line.congested = false;
    seat.session.drained(line);
    expect(line.got.at(-1)).toMatchObject({ t: 'driver_at', etaS: 6 });
    expect(line.got).toHaveLength(4);
    expect(counters.driverAtCoalesced).toBe(2);
  });

  it('forgets those without a connection after the time, and the oldest above the maximum (R10)', async () => {
    const { sessions, clock, counters } = setUp();
    const seats = new Map<string, { line: TestLine; seat: Seat }>();
    const come = async (id: string): Promise<TestLine> => {
      const line = new TestLine();
      const seat = sessions.join({ role: 'driver', driverId: id as DriverId }, line, null);
      seats.set(id, { line, seat });
      await seat.welcomed;
      return line;
    };
    const go = (id: string): void => {
      const { line, seat } = seats.get(id)!;
      sessions.leave(seat.session, line);
    };
    const firstEpochs = new Map<string, string>();
    for (const id of ['a', 'b', 'c']) firstEpochs.set(id, (await come(id)).welcome.epoch);
    go('b');
    go('a');
    await come('d');
    expect(counters.sessions).toBe(3);
    go('d');
    expect((await come('a')).welcome.epoch).toBe(firstEpochs.get('a'));
    expect((await come('b')).welcome.epoch).not.toBe(firstEpochs.get('b'));
    go('a');
    clock.push(59_000);
    expect((await come('a')).welcome.epoch).toBe(firstEpochs.get('a'));
    go('a');
    clock.push(60_000);
    expect((await come('a')).welcome.epoch).not.toBe(firstEpochs.get('a'));
  });

  it('over any comings and goings, a client that follows the rules misses nothing and sees nothing twice (R6)', async () => {
    const step = fc.constantFrom('tell', 'tell', 'tell', 'leave', 'join', 'resume', 'load');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { join, duty, desk, sessions } = setUp({ outboxMax: 3 });
        desk.snapshotGate.shut();
        let told = 0;
        let line: TestLine | null = null;
        let seat: Seat | null = null;
        // What the client holds: everything up to `seen` in `epoch`.
        let known: { epoch: string; seq: number } | null = null;
        let read = 0;
        const readAll = (): void => {
          for (const message of line?.got.slice(read) ?? []) {
            if (message.t === 'welcome') {
              if (message.resumed) expect(known).toEqual({ epoch: message.epoch, seq: message.seq });
              known = { epoch: message.epoch, seq: message.seq };
            } else if ('seq' in message) {
              expect(message.seq).toBe(known!.seq + 1);
              known!.seq = message.seq;
            }
          }
          read = line?.got.length ?? 0;
        };
        for (const what of steps) {
          if (what === 'tell' && seat !== null) {
            duty();
            told += 1;
          }
          if (what === 'leave' && line !== null && seat !== null) sessions.leave(seat.session, line);
          if (what === 'join' || what === 'resume') {
            line = new TestLine();
            read = 0;
            seat = join(line, what === 'resume' ? known : null);
          }
          if (what === 'load') {
            desk.snapshotGate.open();
            desk.snapshotGate.shut();
          }
          await new Promise((resolve) => setImmediate(resolve));
          readAll();
        }
        line = new TestLine();
        read = 0;
        desk.snapshotGate.open();
        await join(line, known).welcomed;
        readAll();
        expect(known).toMatchObject({ seq: told });
      }),
      { numRuns: 300 },
    );
  });
});
