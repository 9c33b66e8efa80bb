import type { Bus } from '../bus/bus.ts';
import type { PeerDesk } from '../dispatch/peers.ts';
import type { Zone } from '../domain/cell.ts';
import type { DriverId, ReplicaId } from '../domain/ids.ts';
import { isPlace, type Place } from '../domain/place.ts';
import { REJECTIONS, rejected, type RejectionCode, type Result } from '../domain/rejection.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import type { NearbyDriver } from '../protocol/messages.ts';
import { encodeFrame } from './frame.ts';
import type { ClusterTiming } from './timing.ts';
import { replicaTopic } from './topics.ts';

/** Questions without an answer yet; more are refused at once. */
const QUESTIONS_MAX = 1_000;
/** Answered to all others together; more are answered `overloaded`, so that peers cannot take the loop from the clients here. */
const ANSWERS = { perS: 2_000, burstMax: 500 };
/** Drivers in one question; more are split into several. */
export const HOSTED_IDS_MAX = 2_000;
/** Drivers in an answer to `nearby`, as the clients' own limit. */
const NEARBY_MAX = 50;

export type Question =
  | { readonly kind: 'nearby'; readonly place: Place; readonly max: number }
  | { readonly kind: 'hosted'; readonly driverIds: readonly DriverId[] };

/** `not_owner`: the place's zone is not the answerer's, as far as it knows. */
interface Answer {
  readonly kind: 'answer';
  readonly code: 'ok' | 'not_owner' | RejectionCode;
  readonly value: unknown;
}

/** Why a question came to nothing: an operation's failure, not a business no. */
export type QuestionErrorCode = 'no_answer' | 'too_many_questions' | 'peer_gone' | 'refused' | 'closed';

export class QuestionError extends Error {
  override readonly name = 'QuestionError';
  readonly code: QuestionErrorCode;

  constructor(code: QuestionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

interface Pending {
  readonly to: ReplicaId;
  readonly timer: Timer;
  readonly settle: (outcome: Answer | QuestionError) => void;
}

export interface QuestionsOptions {
  readonly self: ReplicaId;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly timing: ClusterTiming;
  readonly zoneOf: (place: Place) => Zone;
  readonly owns: (zone: Zone) => boolean;
}

/** For metrics, since the start. */
export interface QuestionCounts {
  asked: number;
  answered: number;
  unanswered: number;
  shed: number;
  /** Questions and answers that could not be read, or came from whom nothing was asked. */
  bad: number;
}

/**
 * Questions to one replica and their answers, each on the topic of whom it is meant for. The number is the asker's own; an answer
 * after the time-out, or from anybody but who was asked, is passed over.
 */
export class Questions {
  readonly counts: QuestionCounts = { asked: 0, answered: 0, unanswered: 0, shed: 0, bad: 0 };
  private readonly options: QuestionsOptions;
  private readonly pending = new Map<number, Pending>();
  private readonly answers: TokenBucket;
  private number = 0;

  constructor(options: QuestionsOptions) {
    this.options = options;
    this.answers = new TokenBucket();
  }

  /** Free drivers around a place, from the owner of its zone; every failure is a retryable no. */
  async nearby(to: ReplicaId, place: Place, max: number): Promise<Result<NearbyDriver[]>> {
    try {
      const { code, value } = await this.ask(to, { kind: 'nearby', place, max });
      if (code === 'not_owner') return rejected('unavailable', 'the zone is changing hands');
      if (code !== 'ok') return rejected(code);
      return areNearby(value) ? { ok: true, value } : rejected('unavailable');
    } catch (error) {
      if (!(error instanceof QuestionError)) throw error;
      return rejected(error.code === 'too_many_questions' ? 'overloaded' : 'unavailable');
    }
  }

  /** Which of these are with `to`; at most HOSTED_IDS_MAX. Rejects with a QuestionError. */
  async hosted(to: ReplicaId, driverIds: readonly DriverId[]): Promise<DriverId[]> {
    const { code, value } = await this.ask(to, { kind: 'hosted', driverIds });
    if (code === 'ok' && areIds(value)) return value;
    throw new QuestionError('refused', `${to} did not say which drivers it has: ${code}`);
  }

  /** What came on this replica's topic: a question of another, or the answer to one of its own. */
  heard(from: ReplicaId, number: number, item: object, desk: PeerDesk): void {
    const { clock, bus, self } = this.options;
    const answer = readAnswer(item);
    if (answer !== null) return this.heardAnswer(from, number, answer);
    const question = readQuestion(item);
    if (question === null) {
      this.counts.bad++;
      return;
    }
    const isShed = !this.answers.take(ANSWERS, clock.nowMs());
    if (isShed) this.counts.shed++;
    const reply = isShed ? answerOf('overloaded') : this.answer(question, desk);
    bus.publish(replicaTopic(from), encodeFrame(self, number, [reply]));
  }

  /** The replica is gone: who waits for its answer need not wait for the time-out. */
  gone(replicaId: ReplicaId): void {
    for (const { to, settle } of [...this.pending.values()]) {
      if (to === replicaId) settle(new QuestionError('peer_gone', `${to} is gone`));
    }
  }

  close(): void {
    for (const { settle } of [...this.pending.values()]) {
      settle(new QuestionError('closed', 'this replica is closing'));
    }
  }

  private ask(to: ReplicaId, question: Question): Promise<Answer> {
    const { bus, clock, self, timing } = this.options;
    if (this.pending.size >= QUESTIONS_MAX) {
      this.counts.unanswered++;
      return Promise.reject(
        new QuestionError('too_many_questions', `${QUESTIONS_MAX} questions wait already`),
      );
    }
    const number = ++this.number;
    this.counts.asked++;
    return new Promise((resolve, reject) => {
      const settle = (outcome: Answer | QuestionError): void => {
        this.pending.delete(number);
        timer.cancel();
        if (!(outcome instanceof QuestionError)) return resolve(outcome);
        this.counts.unanswered++;
        reject(outcome);
      };
      const timer = clock.after(timing.answerMs, () =>
        settle(new QuestionError('no_answer', `${to} did not answer within ${timing.answerMs} ms`)),
      );
      this.pending.set(number, { to, timer, settle });
      bus.publish(replicaTopic(to), encodeFrame(self, number, [question]));
    });
  }

  private heardAnswer(from: ReplicaId, number: number, answer: Answer): void {
    const pending = this.pending.get(number);
    if (pending?.to === from) pending.settle(answer);
    else this.counts.bad++;
  }

  private answer(question: Question, desk: PeerDesk): Answer {
    this.counts.answered++;
    if (question.kind === 'hosted') return answerOf('ok', desk.hosted(question.driverIds));
    const { zoneOf, owns } = this.options;
    if (!owns(zoneOf(question.place))) return answerOf('not_owner');
    const found = desk.nearby(question.place, question.max);
    return found.ok ? answerOf('ok', found.value) : answerOf(found.code);
  }
}

const answerOf = (code: Answer['code'], value: unknown = null): Answer => ({ kind: 'answer', code, value });

function readAnswer(item: object): Answer | null {
  const { kind, code, value } = item as Record<string, unknown>;
  if (kind !== 'answer' || typeof code !== 'string') return null;
  if (code !== 'ok' && code !== 'not_owner' && !Object.hasOwn(REJECTIONS, code)) return null;
  return answerOf(code as Answer['code'], value);
}

function readQuestion(item: object): Question | null {
  const { kind, place, max, driverIds } = item as Record<string, unknown>;
  if (kind === 'hosted') {
    return areIds(driverIds) && driverIds.length <= HOSTED_IDS_MAX ? { kind, driverIds } : null;
  }
  if (kind !== 'nearby' || typeof place !== 'object' || place === null) return null;
  const { lat, lng } = place as Record<string, unknown>;
  if (typeof lat !== 'number' || typeof lng !== 'number' || !isPlace(lat, lng)) return null;
  if (typeof max !== 'number' || !Number.isInteger(max) || max < 1 || max > NEARBY_MAX) return null;
  return { kind, place: { lat, lng }, max };
}

const areIds = (value: unknown): value is DriverId[] =>
  Array.isArray(value) && value.every((id) => typeof id === 'string');

/** Far enough for what goes on to a client; the rest of a driver is shown as the owner said. */
const areNearby = (value: unknown): value is NearbyDriver[] =>
  Array.isArray(value) &&
  value.length <= NEARBY_MAX &&
  value.every((one: unknown) => {
    if (typeof one !== 'object' || one === null) return false;
    const { lat, lng, etaS, vehicleClass } = one as Record<string, unknown>;
    return [lat, lng, etaS].every((n) => typeof n === 'number') && typeof vehicleClass === 'string';
  });
