import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/dispatch/desk.ts';
import type { RiderId } from '../../src/domain/ids.ts';
import { accepted, rejected, type Result } from '../../src/domain/rejection.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import type { Call } from '../../src/rest/call.ts';
import { KeyedWrites } from '../../src/rest/keyed-writes.ts';
import { PostgresRestAnswers } from '../../src/store/rest-answers-postgres.ts';
import { freshDatabase } from '../stores.ts';

const { sql } = await freshDatabase();
const answers = new PostgresRestAnswers(sql);
const wall = createWallClock();
const sealingKey = Buffer.alloc(32, 5);
/** Two replicas on one database, the second's clock so much later. */
const replica = (laterMs = 0): KeyedWrites =>
  new KeyedWrites({
    ...{ answers, sealingKey },
    wallClock: { ...wall, nowMs: () => wall.nowMs() + laterMs },
  });

const rider = (id: string): Principal => ({ role: 'rider', riderId: id as RiderId });
const callOf = (key: string, body: unknown, principal = rider('r1')): Call => ({
  ...{ principal, sessionId: null, params: { thingId: 't1' }, key, body },
  ...{ query: {}, address: '192.0.2.1', userAgent: '' },
});

/** A write that counts how often it was done. */
class Counted {
  times = 0;
  private readonly result: () => Result<unknown> | Promise<Result<unknown>>;

  constructor(result: () => Result<unknown> | Promise<Result<unknown>> = () => accepted({ n: this.times })) {
    this.result = result;
  }

  readonly handle = (): Result<unknown> | Promise<Result<unknown>> => {
    this.times += 1;
    return this.result();
  };
  async by(one: KeyedWrites, call: Call, operation = 'change'): Promise<Result<unknown>> {
    return one.run(operation, call, call.principal!, this.handle);
  }
}

describe('R5: a key of a write', () => {
  it('gives the same answer again, on any replica, whatever the order of the body’s members', async () => {
    const write = new Counted();
    const first = await write.by(replica(), callOf('k1', { a: 1, b: { c: 2, d: 3 } }));
    const again = await write.by(replica(), callOf('k1', { b: { d: 3, c: 2 }, a: 1 }));
    expect([first, again, write.times]).toEqual([accepted({ n: 1 }), accepted({ n: 1 }), 1]);
  });

  it('gives a "no" again, but not one that may be a yes later', async () => {
    const no = new Counted(() => rejected('wrong_state', 'why'));
    for (let n = 0; n < 2; n++)
      expect(await no.by(replica(), callOf('k2', 1))).toEqual(rejected('wrong_state', 'why'));
    expect(no.times).toBe(1);
    const later: Counted = new Counted(() => (later.times === 1 ? rejected('unavailable') : accepted(null)));
    expect(await later.by(replica(), callOf('k3', 1))).toEqual(rejected('unavailable'));
    expect(await later.by(replica(), callOf('k3', 1))).toEqual(accepted(null));
  });

  it('is refused for another body, another path and another operation, and is another account’s own', async () => {
    const write = new Counted();
    await write.by(replica(), callOf('k4', { a: 1 }));
    expect(await write.by(replica(), callOf('k4', { a: 2 }))).toEqual(rejected('key_reused'));
    const elsewhere = { ...callOf('k4', { a: 1 }), params: { thingId: 't2' } };
    expect(await write.by(replica(), elsewhere)).toEqual(rejected('key_reused'));
    expect(await write.by(replica(), callOf('k4', { a: 1 }), 'remove')).toEqual(rejected('key_reused'));
    expect(await write.by(replica(), callOf('k4', { a: 1 }, rider('r2')))).toEqual(accepted({ n: 2 }));
  });

  it('is done once when it comes ten times at once', async () => {
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const write = new Counted(() => gate.then(() => accepted('done')));
    const tries = Array.from({ length: 10 }, () => write.by(replica(), callOf('k5', 1)));
    const [before] = await Promise.all([Promise.race(tries)]);
    expect(before).toEqual(rejected('in_progress'));
    finish();
    // Whoever was looked at after it was done has its answer.
    for (const result of await Promise.all(tries))
      expect([accepted('done'), rejected('in_progress')]).toContainEqual(result);
    expect(await write.by(replica(), callOf('k5', 1))).toEqual(accepted('done'));
    expect(write.times).toBe(1);
  });

  it('whose replica died is let through again once it must be dead, and the dead one’s answer comes too late', async () => {
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const cut = new Counted(() => gate.then(() => accepted('late')));
    const hung = cut.by(replica(), callOf('k6', 1));
    const write = new Counted();
    while ((await sql`select 1 from rest_answers where key = 'k6'`).length === 0);
    expect(await write.by(replica(29_000), callOf('k6', 1))).toEqual(rejected('in_progress'));
    expect(await write.by(replica(31_000), callOf('k6', 1))).toEqual(accepted({ n: 1 }));
    finish();
    await hung;
    expect(await write.by(replica(), callOf('k6', 1))).toEqual(accepted({ n: 1 }));
  });

  it('that broke may be used again', async () => {
    const write: Counted = new Counted(() => {
      if (write.times === 1) throw new Error('broke');
      return accepted('mended');
    });
    await expect(write.by(replica(), callOf('k7', 1))).rejects.toThrow('broke');
    expect(await write.by(replica(), callOf('k7', 1))).toEqual(accepted('mended'));
  });

  it('leaves nothing to read in the database', async () => {
    const write = new Counted(() => accepted({ phone: '+14155550123' }));
    await write.by(replica(), callOf('k8', { phone: '+14155550123' }));
    const [row] = await sql<{ text: string }[]>`
      select encode(answer, 'escape') || rest_answers::text as text from rest_answers where key = 'k8'`;
    expect(row!.text).not.toContain('4155550123');
    const thief = new KeyedWrites({ answers, sealingKey: Buffer.alloc(32, 6), wallClock: wall });
    await expect(write.by(thief, callOf('k8', { phone: '+14155550123' }))).rejects.toThrow('another key');
  });
});
