import { describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/lib/prng.ts';
import { CLOSE } from '../../../src/protocol/close-codes.ts';
import type { RiderMessage } from '../../../src/protocol/messages.ts';
import { HABITS } from '../../../src/sim/apps/habits.ts';
import { type Answer, createPhoneCounts, Phone, type Told } from '../../../src/sim/apps/phone.ts';
import { HandClock, ScriptedLine, tripView } from './scripted-line.ts';

function setUp(options: { servers?: string[]; mayMove?: () => boolean } = {}) {
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
    servers: options.servers ?? [],
    idPrefix: 'run.rider',
    counts,
    owner: {
      welcomed: (snapshot) => snapshots.push(snapshot),
      told: (message) => told.push(message),
      stopped: (code) => stops.push(code),
      ...(options.mayMove === undefined ? {} : { mayMove: options.mayMove }),
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

  it('comes back when seated elsewhere, and gives in to another app at the third time within a minute', () => {
    const { clock, line, phone, stops } = setUp();
    const loseSeat = (afterMs: number): void => {
      clock.pass(afterMs);
      line.welcome();
      line.drop(CLOSE.seated_elsewhere.code);
    };
    loseSeat(0);
    clock.pass(60_000);
    loseSeat(HABITS.phone.retryMs);
    loseSeat(HABITS.phone.retryMs);
    clock.pass(HABITS.phone.retryMs);
    expect([phone.isOn, stops]).toEqual([true, []]);
    loseSeat(0);
    expect([phone.isOn, stops]).toEqual([false, [CLOSE.seated_elsewhere.code]]);
    const opened = line.opens.length;
    clock.pass(600_000);
    expect(line.opens).toHaveLength(opened);
  });
});

const SERVERS = ['ws://a', 'ws://b', 'ws://c'];
const { answerTimeoutMs, retryMsMax } = HABITS.phone;

/** The URLs of all connections, as places in SERVERS counted from the first one's. */
const turns = (line: ScriptedLine<RiderMessage>): number[] => {
  const first = SERVERS.indexOf(line.urls[0]!);
  return line.urls.map((url) => (SERVERS.indexOf(url!) - first + SERVERS.length) % SERVERS.length);
};

describe('Phone, with several servers', () => {
  it('begins anywhere, and goes round them while none answers', () => {
    const { clock, line } = setUp({ servers: SERVERS });
    for (let i = 0; i < 3; i++) {
      line.drop(1006);
      clock.pass(retryMsMax);
    }
    clock.pass(answerTimeoutMs + retryMsMax);
    expect(turns(line)).toEqual([0, 1, 2, 0, 1]);
  });

  it('tries the same one first after a lost line, to resume there, and the next when that one is gone', () => {
    const { clock, line } = setUp({ servers: SERVERS });
    line.welcome();
    line.drop(1006);
    clock.pass(retryMsMax);
    line.drop(1006);
    clock.pass(retryMsMax);
    line.welcome();
    line.drop(CLOSE.going_away.code);
    clock.pass(retryMsMax);
    expect(turns(line)).toEqual([0, 0, 1, 2]);
  });

  it('comes back spread over the whole pause, which grows', () => {
    const pauses = Array.from({ length: 200 }, (_, seed) => {
      const clock = new HandClock(1_000_000);
      const line = new ScriptedLine<RiderMessage>(clock);
      const owner = { welcomed: () => undefined, told: () => undefined, stopped: () => undefined };
      const phone = new Phone<RiderMessage>({
        ...{ clock, prng: createPrng(seed), habits: HABITS.phone, line: line.open, idPrefix: 'x' },
        ...{ owner, counts: createPhoneCounts(), servers: SERVERS },
      });
      phone.switchOn();
      for (let failure = 0; failure < 4; failure++) {
        line.drop(1006);
        while (line.opens.length < failure + 2 && failure < 3) clock.pass(10, 10);
      }
      const droppedMs = clock.nowMs();
      while (line.opens.length < 5) clock.pass(10, 10);
      return clock.nowMs() - droppedMs;
    });
    const maxMs = HABITS.phone.retryMs * 8;
    expect(Math.max(...pauses)).toBeLessThanOrEqual(maxMs + 10);
    expect(Math.max(...pauses)).toBeGreaterThan(0.9 * maxMs);
    expect(Math.min(...pauses)).toBeLessThan(0.1 * maxMs);
  });

  it('R5: leaves a server that does not answer a command twice, and repeats it at the next with the same id', () => {
    const { clock, line, phone, counts } = setUp({ servers: SERVERS });
    const answers: Answer[] = [];
    line.welcome();
    phone.command(cancel, (answer) => answers.push(answer));
    clock.pass(2 * answerTimeoutMs - 100);
    // Pongs are sent by the machine also when the program hangs over its store.
    line.heard();
    expect(line.opens).toHaveLength(1);
    clock.pass(200 + retryMsMax);
    expect(turns(line)).toEqual([0, 1]);
    line.welcome({ epoch: 'e2' });
    const sent = line.sends('cancel');
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map((message) => message.id)).size).toBe(1);
    line.ack('cancel');
    expect(answers).toHaveLength(1);
    expect(counts.silences).toBe(1);
  });

  it('stays with a server that answers, if only with `unavailable`', () => {
    const { clock, line, phone } = setUp({ servers: SERVERS });
    line.welcome();
    phone.command(cancel, () => undefined);
    for (let minute = 0; minute < 20; minute++) {
      line.refuse('cancel', 'unavailable');
      clock.pass(retryMsMax + answerTimeoutMs);
    }
    expect(line.opens).toHaveLength(1);
  });

  it('notices a frozen server without a command under way, and leaves it', () => {
    const { clock, line, counts } = setUp({ servers: SERVERS });
    line.welcome();
    const sinceMs = clock.nowMs();
    for (let asked = 1; asked <= 5; asked++) {
      while (line.probes.length < asked) clock.pass(100, 100);
      line.heard();
    }
    expect(line.probes.at(-1)! - sinceMs).toBeGreaterThanOrEqual(5 * answerTimeoutMs);
    expect(line.opens).toHaveLength(1);
    const heardMs = clock.nowMs();
    while (line.opens.length < 2) clock.pass(100, 100);
    expect(clock.nowMs() - heardMs).toBeLessThanOrEqual(2 * answerTimeoutMs + retryMsMax + 200);
    expect(clock.nowMs() - heardMs).toBeGreaterThanOrEqual(2 * answerTimeoutMs);
    expect(turns(line)).toEqual([0, 1]);
    expect(counts.silences).toBe(1);
  });

  it('asks nobody for signs of life where there is no other to go to', () => {
    const { clock, line } = setUp();
    line.welcome();
    clock.pass(20 * answerTimeoutMs);
    expect(line.probes).toEqual([]);
    expect(line.opens).toHaveLength(1);
  });
});

describe('Phone, asked to move', () => {
  const move = { t: 'move', url: 'ws://d', zone: '862830827ffffff' } as const;

  it('connects there when it suits, and takes the snapshot', () => {
    const { line, snapshots, counts, phone } = setUp({ servers: SERVERS, mayMove: () => true });
    line.welcome();
    line.tell(move);
    expect(line.urls.at(-1)).toBe('ws://d');
    expect(line.isOpen).toBe(true);
    line.welcome({ epoch: 'e2' });
    expect(snapshots).toHaveLength(2);
    expect(phone.isConnected).toBe(true);
    line.tell(move);
    expect(line.opens).toHaveLength(2);
    expect(counts.moves).toBe(1);
  });

  it('goes back to those it knows when the new one fails', () => {
    const { clock, line } = setUp({ servers: SERVERS, mayMove: () => true });
    line.welcome();
    line.tell(move);
    line.drop(1006);
    clock.pass(retryMsMax);
    expect(SERVERS).toContain(line.urls.at(-1));
  });

  it('stays while it does not suit, a command is under way, or no address is named', () => {
    let suits = false;
    const { line, phone } = setUp({ servers: SERVERS, mayMove: () => suits });
    line.welcome();
    line.tell(move);
    suits = true;
    phone.command(cancel, () => undefined);
    line.tell(move);
    line.ack('cancel');
    line.tell({ ...move, url: null });
    expect(line.opens).toHaveLength(1);
  });

  it('stays for ever where nobody says that it suits', () => {
    const { line } = setUp({ servers: SERVERS });
    line.welcome();
    line.tell(move);
    expect(line.opens).toHaveLength(1);
  });
});
