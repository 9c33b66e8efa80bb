import { describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/lib/prng.ts';
import { CLOSE } from '../../../src/protocol/close-codes.ts';
import type { RiderMessage } from '../../../src/protocol/messages.ts';
import { HABITS } from '../../../src/sim/apps/habits.ts';
import { type Answer, createPhoneCounts, Phone, type Told } from '../../../src/sim/apps/phone.ts';
import { HandClock, ScriptedLine, tripView } from './scripted-line.ts';

function setUp() {
  const clock = new HandClock(1_000_000);
  const line = new ScriptedLine<RiderMessage>(clock);
  const told: Told[] = [];
  const stops: number[] = [];
  const snapshots: unknown[] = [];
  const counts = createPhoneCounts();
  const phone = new Phone<RiderMessage>({
    clock,
    prng: createPrng(1),
    habits: HABITS.phone,
    line: line.open,
    idPrefix: 'run.rider',
    counts,
    owner: {
      welcomed: (snapshot) => snapshots.push(snapshot),
      told: (message) => told.push(message),
      stopped: (code) => stops.push(code),
    },
  });
  phone.switchOn();
  return { clock, line, phone, told, stops, snapshots, counts };
}

const cancel = { t: 'cancel', tripId: tripView().tripId, reason: 'late' } as const;

describe('Phone', () => {
  it('R6: resumes where it left off, by epoch and the last number it saw', () => {
    const { clock, line, told, counts } = setUp();
    line.welcome({ epoch: 'e7', seq: 4 });
    line.tell({ t: 'trip', seq: 5, trip: tripView() });
    line.drop(1006);
    clock.pass(HABITS.phone.retryMsMax);
    expect(line.opens).toEqual([null, { epoch: 'e7', seq: 5 }]);
    line.welcome({ epoch: 'e7', seq: 5, resumed: true, snapshot: null });
    line.tell({ t: 'trip', seq: 6, trip: tripView({ version: 2 }) });
    expect(told).toHaveLength(2);
    expect(counts).toMatchObject({ connections: 2, resumed: 1, gaps: 0 });
  });

  it('R6: drops what it has seen, and fetches a snapshot when something is missing', () => {
    const { clock, line, told, counts } = setUp();
    line.welcome();
    line.tell({ t: 'trip', seq: 1, trip: tripView() });
    line.tell({ t: 'trip', seq: 1, trip: tripView() });
    expect(told).toHaveLength(1);
    line.tell({ t: 'trip', seq: 3, trip: tripView() });
    expect(told).toHaveLength(1);
    clock.pass(HABITS.phone.retryMsMax);
    expect(line.opens.at(-1)).toBeNull();
    expect(counts).toMatchObject({ duplicates: 1, gaps: 1 });
  });

  it('R5: repeats an unanswered command with the same id after a lost connection', () => {
    const { clock, line, phone, counts } = setUp();
    const answers: Answer[] = [];
    line.welcome();
    phone.command(cancel, (answer) => answers.push(answer));
    phone.lose(3_000);
    expect(line.isOpen).toBe(false);
    clock.pass(2_900);
    expect(line.opens).toHaveLength(1);
    clock.pass(200);
    line.welcome({ resumed: true, snapshot: null });
    const sent = line.sends('cancel');
    expect(sent).toHaveLength(2);
    expect(sent[1]!.id).toBe(sent[0]!.id);
    line.ack('cancel');
    line.ack('cancel');
    expect(answers).toHaveLength(1);
    expect(counts.repeats).toBe(1);
  });

  it('R5: repeats with the same id and a growing pause what may be retried, and reports what may not', () => {
    const { clock, line, phone } = setUp();
    const answers: Answer[] = [];
    line.welcome();
    phone.command(cancel, (answer) => answers.push(answer));
    for (let refusal = 0; refusal < 4; refusal++) {
      line.refuse('cancel', 'unavailable');
      clock.pass(HABITS.phone.retryMsMax);
    }
    const sent = line.sends('cancel');
    expect(new Set(sent.map((message) => message.id)).size).toBe(1);
    expect(sent).toHaveLength(5);
    const pauses = sent.slice(1).map((message, at) => message.atMs - sent[at]!.atMs);
    expect(pauses[0]).toBeLessThan(HABITS.phone.retryMsMax);
    line.refuse('cancel', 'wrong_state');
    expect(answers).toEqual([{ ok: false, code: 'wrong_state' }]);
    clock.pass(60_000);
    expect(line.sends('cancel')).toHaveLength(5);
  });

  it('gives each command an id of its own', () => {
    const { line, phone } = setUp();
    line.welcome();
    phone.command(cancel, () => undefined);
    phone.command(cancel, () => undefined);
    expect(new Set(line.sends('cancel').map((message) => message.id)).size).toBe(2);
  });

  it('sends what was asked before the welcome once it is there', () => {
    const { line, phone } = setUp();
    phone.command(cancel, () => undefined);
    expect(line.sent).toHaveLength(0);
    line.welcome();
    expect(line.sends('cancel')).toHaveLength(1);
  });

  it('tries again when no welcome comes, more and more seldom', () => {
    const { clock, line } = setUp();
    clock.pass(10 * 60_000);
    const tries = line.opens.length;
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan((10 * 60_000) / HABITS.phone.answerTimeoutMs + 1);
  });

  it('stops for good when it is told to, and comes back at once when that is asked', () => {
    const { clock, line, phone, stops } = setUp();
    line.welcome();
    line.drop(CLOSE.going_away.code);
    clock.pass(HABITS.phone.retryMs + 50);
    expect(line.opens).toHaveLength(2);
    line.welcome();
    line.drop(CLOSE.replaced.code);
    clock.pass(600_000);
    expect(line.opens).toHaveLength(2);
    expect(stops).toEqual([CLOSE.replaced.code]);
    expect(phone.isOn).toBe(false);
  });
});
