import type { HistoryLine } from './history.ts';
import { Courses, ENDS, type Stored, type StoredAnswer } from './stored-city.ts';
import type { Rule, Violation } from './verdict.ts';

/** Commands that change a trip, and what their event is called. */
const EVENTS_OF: Readonly<Record<string, readonly string[]>> = {
  request: ['requested'],
  accept: ['accepted'],
  decline: [],
  arrived: ['arrived'],
  start: ['started'],
  complete: ['completed'],
  cancel: ['cancelled', 'released'],
  no_show: ['no_show'],
};

/** A trip as a client was told of it. */
interface TripTold {
  readonly tripId: string;
  readonly version: number;
  readonly status: string;
}

interface Answer {
  readonly ok: boolean;
  readonly code: string | null;
  readonly trip: TripTold | null;
}

/** One command of one client, all sendings and all final answers of it. */
interface Command {
  readonly who: string;
  readonly id: string;
  readonly t: string;
  readonly hashes: Set<string>;
  readonly firstSentMs: number;
  /** Over HTTP: nobody needs a line to hear the answer. */
  readonly isHttp: boolean;
  readonly answers: Answer[];
}

export interface CommandFigures {
  readonly requests: number;
  readonly acknowledged: number;
  readonly errorsByCode: Readonly<Record<string, number>>;
}

/** A command sent so shortly before the end need not have an answer. */
const ANSWER_MS_MAX = 15_000;

/** What clients asked, what they were answered, and what is stored: R1, R5, and R6 as far as answers go. */
export function checkCommands(
  history: readonly HistoryLine[],
  stored: Stored,
): { violations: Violation[]; figures: CommandFigures } {
  const { commands, errorsByCode } = gather(history);
  const check = new CommandCheck(stored, endOf(history));
  for (const command of commands) check.command(command);
  const requests = commands.filter(({ t }) => t === 'request');
  const acknowledged = requests.filter(({ answers }) => answers.some(({ ok }) => ok)).length;
  return { violations: check.found, figures: { requests: requests.length, acknowledged, errorsByCode } };
}

function gather(history: readonly HistoryLine[]): {
  commands: Command[];
  errorsByCode: Record<string, number>;
} {
  const commands = new Map<string, Command>();
  const errorsByCode: Record<string, number> = {};
  for (const line of history) {
    if (line.k === 'sent' && line.m.t in EVENTS_OF) {
      const { who, ms, hash, m } = line;
      const id = String(m['id']);
      const fresh = { who, id, t: m.t, hashes: new Set<string>(), firstSentMs: ms, answers: [] };
      const command = commands.get(`${who} ${id}`) ?? { ...fresh, isHttp: line.line === 0 };
      command.hashes.add(hash);
      commands.set(`${who} ${id}`, command);
    }
    if (line.k !== 'got' || (line.m.t !== 'ack' && line.m.t !== 'error')) continue;
    const code = line.m.t === 'error' ? String(line.m['code']) : null;
    if (code !== null) errorsByCode[code] = (errorsByCode[code] ?? 0) + 1;
    // A retryable no is not yet the answer.
    if (line.m['retryable'] === true) continue;
    const trip = (line.m['trip'] ?? null) as TripTold | null;
    commands.get(`${line.who} ${String(line.m['id'])}`)?.answers.push({ ok: code === null, code, trip });
  }
  return { commands: [...commands.values()], errorsByCode };
}

/** When all had settled, and who had a good connection then. */
function endOf(history: readonly HistoryLine[]): { settledMs: number; connected: ReadonlySet<string> } {
  const connected = new Set<string>();
  for (const line of history) {
    if (line.k === 'settled') return { settledMs: line.ms, connected };
    if (line.k === 'got' && line.m.t === 'welcome') connected.add(line.who);
    if (line.k === 'closed' || line.k === 'hangup' || line.k === 'open') connected.delete(line.who);
  }
  return { settledMs: history.at(-1)?.ms ?? 0, connected };
}

class CommandCheck {
  readonly found: Violation[] = [];
  private readonly courses: Courses;
  private readonly answers: ReadonlyMap<string, StoredAnswer>;
  private readonly end: ReturnType<typeof endOf>;
  /** Who was told to have accepted, by trip and version. */
  private readonly acceptedBy = new Map<string, string>();

  constructor(stored: Stored, end: ReturnType<typeof endOf>) {
    this.courses = new Courses(stored);
    this.answers = new Map(stored.answers.map((answer) => [`${answer.accountId} ${answer.key}`, answer]));
    this.end = end;
  }

  command(command: Command): void {
    const { id, hashes, answers } = command;
    const report = (rule: Rule, detail: string): void => {
      const what = `${command.t} ${id} of ${command.who}: ${detail}`;
      this.found.push({ rule, detail: what, who: command.who, about: id });
    };
    if (hashes.size > 1)
      report('answers_differ', 'its client used the key for two things: a fault of the harness');
    const [first] = answers;
    if (first === undefined) return this.unanswered(command, report);
    for (const other of answers.slice(1)) {
      if (inWords(other) !== inWords(first))
        report('answers_differ', `answered with ${inWords(first)} and with ${inWords(other)}`);
    }
    this.againstStored(command, first, report);
    if (first.ok) this.acknowledged(command, first.trip, report);
    else if (first.code === 'key_reused') report('answers_differ', 'the key is said to be another command’s');
    else if (first.code === 'not_found' && (command.t === 'accept' || command.t === 'decline'))
      report('never_was', 'the offer it answers is not known');
  }

  private unanswered(
    { who, firstSentMs, isHttp }: Command,
    report: (rule: Rule, detail: string) => void,
  ): void {
    const { settledMs, connected } = this.end;
    if (firstSentMs < settledMs - ANSWER_MS_MAX && (isHttp || connected.has(who)))
      report('unanswered', `no answer ${Math.round((settledMs - firstSentMs) / 1_000)} s after it was sent`);
  }

  /** The answer is the one kept for the key. */
  private againstStored(
    { who, id }: Command,
    answer: Answer,
    report: (rule: Rule, detail: string) => void,
  ): void {
    const kept = this.answers.get(`${who} ${id}`);
    if (kept === undefined) {
      if (answer.ok) report('lost', 'acknowledged, but no answer is kept for its key');
      return;
    }
    const isSame =
      kept.ok === answer.ok &&
      (answer.ok ? answer.trip === null || kept.tripId === answer.trip.tripId : kept.code === answer.code);
    if (!isSame)
      report('answers_differ', `answered with ${inWords(answer)}, kept is ${kept.code ?? kept.tripId}`);
  }

  private acknowledged(
    { who, t }: Command,
    told: TripTold | null,
    report: (rule: Rule, detail: string) => void,
  ): void {
    const kinds = EVENTS_OF[t] ?? [];
    if (kinds.length === 0) return;
    if (told === null) return report('lost', 'acknowledged without a trip');
    if (t === 'accept') this.accepted(who, told, report);
    const { trip, events } = this.courses.of(told.tripId);
    const event = events[told.version - 1];
    if (trip === null || event === undefined || !kinds.includes(event.kind) || event.actorId !== who)
      return report(
        'lost',
        `acknowledged, but event ${told.version} of ${told.tripId} is ${event?.kind ?? 'not there'}`,
      );
    if (t === 'request' && !ENDS.includes(trip.status))
      report('lost', `acknowledged, but its trip has not ended: ${trip.status}`);
  }

  /** By the histories alone, whatever is stored: two drivers must not both be told that they have it. */
  private accepted(
    who: string,
    { tripId, version }: TripTold,
    report: (rule: Rule, detail: string) => void,
  ): void {
    const key = `${tripId} ${version}`;
    const other = this.acceptedBy.get(key);
    if (other !== undefined && other !== who) report('double_assigned', `${other} was told the same`);
    this.acceptedBy.set(key, who);
  }
}

const inWords = ({ ok, code, trip }: Answer): string =>
  ok
    ? `yes (${trip === null ? 'no trip' : `${trip.tripId}, ${trip.status}, version ${trip.version}`})`
    : `no (${code})`;
