import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rejected } from '../../src/domain/rejection.ts';
import type { Seat } from '../../src/gateway/sessions.ts';
import { driver, rider, setUp, TestLine } from './sessions-town.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a seat', () => {
  it('is taken by each line that cannot resume, for its client may have been elsewhere; not by one that does', async () => {
    const { join, desk, sessions } = setUp();
    const first = new TestLine();
    const seat = join(first);
    await seat.welcomed;
    sessions.leave(seat.session, first);
    const second = new TestLine();
    await join(second, { epoch: 'e.unknown', seq: 3 }).welcomed;
    expect(second.welcome).toMatchObject({ resumed: false, epoch: first.welcome.epoch });
    expect(desk.seated).toEqual(['driver-1', 'driver-1']);
    const third = new TestLine();
    await join(third, { epoch: second.welcome.epoch, seq: second.welcome.seq }).welcomed;
    expect(third.welcome.resumed).toBe(true);
    expect(desk.seated).toEqual(['driver-1', 'driver-1']);
  });

  it('is asked for again by the next connection when the store could not say', async () => {
    const { join, desk } = setUp();
    const seat = desk.seat.bind(desk);
    desk.seat = () => Promise.resolve(rejected('unavailable'));
    const first = new TestLine();
    expect(await join(first).welcomed).toBe(false);
    expect(first.closedWith).toBe('unavailable');
    desk.seat = seat;
    expect(await join(new TestLine()).welcomed).toBe(true);
    expect(desk.seated).toEqual(['driver-1']);
  });

  it('is known here as long as the session is', async () => {
    const { join, sessions, clock } = setUp();
    expect(sessions.hasDriver(driver.driverId)).toBe(false);
    const line = new TestLine();
    const seat = join(line);
    await seat.welcomed;
    sessions.leave(seat.session, line);
    expect([sessions.hasDriver(driver.driverId), sessions.hasRider(rider.riderId)]).toEqual([true, false]);
    clock.push(60_000);
    expect(sessions.hasDriver(driver.driverId)).toBe(false);
  });

  it('taken elsewhere, closes the line and forgets: who comes back gets a snapshot and takes the seat anew', async () => {
    const { join, desk, sessions, duty, counters } = setUp();
    const first = new TestLine();
    await join(first).welcomed;
    duty();
    sessions.dropDriver(driver.driverId);
    expect(first.closedWith).toBe('seated_elsewhere');
    expect(counters.sessions).toBe(0);
    duty();
    expect(first.seqs).toEqual([1]);
    const second = new TestLine();
    await join(second, { epoch: first.welcome.epoch, seq: 1 }).welcomed;
    expect(second.welcome).toMatchObject({ resumed: false, seq: 0 });
    expect(second.welcome.epoch).not.toBe(first.welcome.epoch);
    expect(desk.seated).toEqual(['driver-1', 'driver-1']);
  });

  it('taken elsewhere while the line waits for its welcome, closes that line without a word', async () => {
    const { join, desk, sessions } = setUp();
    desk.snapshotGate.shut();
    const line = new TestLine();
    const seat = join(line);
    sessions.dropDriver(driver.driverId);
    expect(line.closedWith).toBe('seated_elsewhere');
    const next = new TestLine();
    const nextSeat = join(next);
    desk.snapshotGate.open();
    expect(await seat.welcomed).toBe(false);
    expect(line.got).toEqual([]);
    expect(await nextSeat.welcomed).toBe(true);
    expect(sessions.hasDriver(driver.driverId)).toBe(true);
  });

  it('taken elsewhere, is nothing to an account without a session', () => {
    const { sessions } = setUp();
    sessions.dropDriver(driver.driverId);
    sessions.dropRider(rider.riderId);
    expect(sessions.hasDriver(driver.driverId)).toBe(false);
  });

  it('over any comings, goings and drops: one line at most, none left waiting, no epoch outlives a drop (R6)', async () => {
    const step = fc.constantFrom('join', 'resume', 'leave', 'drop', 'tell', 'load');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const { join, desk, sessions, duty, counters } = setUp();
        desk.snapshotGate.shut();
        const lines: { line: TestLine; seat: Seat; hasLeft: boolean }[] = [];
        const dropped = new Set<string>();
        for (const what of steps) {
          const last = lines.at(-1);
          const known = last?.line.got[0]?.t === 'welcome' ? last.line.welcome : null;
          if (what === 'join' || what === 'resume') {
            const line = new TestLine();
            const resume = known === null || what === 'join' ? null : { epoch: known.epoch, seq: known.seq };
            lines.push({ line, seat: join(line, resume), hasLeft: false });
          }
          if (what === 'leave' && last !== undefined && last.line.closedWith === null) {
            sessions.leave(last.seat.session, last.line);
            last.hasLeft = true;
          }
          if (what === 'drop') {
            if (last !== undefined) dropped.add(last.seat.session.epoch);
            sessions.dropDriver(driver.driverId);
            expect(sessions.hasDriver(driver.driverId)).toBe(false);
            for (const { line, hasLeft } of lines) expect(hasLeft || line.closedWith !== null).toBe(true);
          }
          if (what === 'tell') duty();
          if (what === 'load') {
            desk.snapshotGate.open();
            desk.snapshotGate.shut();
          }
          await turn();
          if (what === 'join' || what === 'resume')
            expect(dropped).not.toContain(lines.at(-1)!.seat.session.epoch);
        }
        desk.snapshotGate.open();
        const welcomed = await Promise.all(lines.map(({ seat }) => seat.welcomed));
        const open = lines.filter(({ line, hasLeft }) => line.closedWith === null && !hasLeft);
        expect(open.length).toBeLessThanOrEqual(1);
        for (const one of open) expect(welcomed[lines.indexOf(one)]).toBe(true);
        expect(counters.sessions).toBe(sessions.hasDriver(driver.driverId) ? 1 : 0);
      }),
      { numRuns: 300 },
    );
  });

  it('sends `move` to who is welcomed and reads, and keeps it for nobody', async () => {
    const { join, desk, sessions, duty } = setUp();
    const move = (): void =>
      sessions.toDriver(driver.driverId, { t: 'move', url: 'ws://127.0.0.1:9', zone: '862830827ffffff' });
    desk.snapshotGate.shut();
    const line = new TestLine();
    const seat = join(line);
    move();
    desk.snapshotGate.open();
    await seat.welcomed;
    line.congested = true;
    move();
    line.congested = false;
    seat.session.drained(line);
    expect(line.got.map(({ t }) => t)).toEqual(['welcome']);
    move();
    duty();
    expect(line.got.slice(1)).toEqual([
      { t: 'move', url: 'ws://127.0.0.1:9', zone: '862830827ffffff' },
      { t: 'duty', status: 'available', seq: 1 },
    ]);
    sessions.leave(seat.session, line);
    move();
    const next = new TestLine();
    await join(next, { epoch: line.welcome.epoch, seq: 1 }).welcomed;
    expect(next.got.map(({ t }) => t)).toEqual(['welcome']);
  });
});
