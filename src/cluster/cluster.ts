import type { BeatInfo, Beats, Roll } from '../bus/beats.ts';
import type { Bus } from '../bus/bus.ts';
import type { DriverAt, News, PeerDesk, Peers } from '../dispatch/peers.ts';
import { zoneAt, type Zone } from '../domain/cell.ts';
import type { DriverId, ReplicaId, RiderId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import type { Result } from '../domain/rejection.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { FlushPlan } from '../geo/flush-plan.ts';
import type { RemoteDrivers } from '../geo/remote-drivers.ts';
import { assert, unreachable } from '../lib/assert.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Prng } from '../lib/prng.ts';
import type { NearbyDriver } from '../protocol/messages.ts';
import { DriverAtFeed } from './driver-at-feed.ts';
import { decodeFrame } from './frame.ts';
import { NewsFeed, type NewsCounts } from './news-feed.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import { PlaceFeed, type PlaceCounts } from './place-feed.ts';
import { Pulse } from './pulse.ts';
import { HOSTED_IDS_MAX, QuestionError, Questions, type QuestionCounts } from './questions.ts';
import { RollCall, type RollChange } from './roll-call.ts';
import { CLUSTER_TIMING, type ClusterTiming } from './timing.ts';
import { replicaTopic } from './topics.ts';
import type { Word } from './word.ts';
import { createWatch, type Watch, type ZoneMap } from './zone-map.ts';

export interface ClusterOptions {
  readonly replicaId: ReplicaId;
  /** Where clients reach this replica itself, or null. */
  readonly url: string | null;
  /** As fast as the store's clock, which counts the leases: the wall's, also where the city's time goes faster. */
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Log;
  readonly bus: Bus;
  readonly beats: Beats;
  readonly zoneMap: ZoneMap;
  readonly index: DriverIndex;
  readonly remote: RemoteDrivers;
  readonly timing?: ClusterTiming;
}

/** For metrics and the operator. */
export interface ClusterStatus {
  readonly epoch: number;
  /** Owners of zones, by id. */
  readonly members: readonly ReplicaId[];
  readonly isLeaving: boolean;
  readonly ownedZones: number;
  readonly watchedZones: number;
  /** Since the last answered beat began; Infinity before the first. */
  readonly leaseAgeMs: number;
  readonly refusedBeats: number;
  readonly news: Readonly<NewsCounts>;
  readonly places: Readonly<PlaceCounts>;
  readonly questions: Readonly<QuestionCounts>;
}

type Phase = 'new' | 'starting' | 'running' | 'leaving' | 'closed';

const NOBODY: RollChange = { joined: [], leaving: [], gone: [] };

/**
 * This replica among the others: who owns what, news, places and questions, behind the engine's `Peers`. `start` joins, `drain`
 * leaves with the clients still served, `close` ends. What it decides it decides in RollCall, createOwnership and HeardNumbers,
 * which are pure; here they are tied to the bus, the beats and the clock.
 */
export class Cluster implements Peers {
  private readonly options: ClusterOptions;
  private readonly self: ReplicaId;
  private readonly clock: Clock;
  private readonly timing: ClusterTiming;
  private readonly rollCall: RollCall;
  private readonly pulse: Pulse;
  private readonly news: NewsFeed;
  private readonly questions: Questions;
  private readonly places: PlaceFeed;
  private readonly driverAts: DriverAtFeed;
  private phase: Phase = 'new';
  private desk: PeerDesk | null = null;
  private ownership: Ownership = createOwnership([]);
  private watch: Watch;
  private others: ReadonlySet<ReplicaId> = new Set();
  private refusedBeats = 0;
  private checkTimer: Timer | null = null;
  private leavingTimer: Timer | null = null;
  private started: { resolve(): void; reject(error: Error): void } | null = null;

  constructor(options: ClusterOptions) {
    const { replicaId: self, clock, timing = CLUSTER_TIMING, bus, index, remote, zoneMap } = options;
    this.options = options;
    this.self = self;
    this.clock = clock;
    this.timing = timing;
    this.rollCall = new RollCall(self, timing);
    this.watch = createWatch(zoneMap, this.ownership, self);
    this.pulse = this.createPulse();
    this.news = this.createNewsFeed();
    const common = { self, bus, clock, timing };
    this.questions = new Questions({
      ...common,
      zoneOf: ({ lat, lng }) => zoneAt(lat, lng, index.grid),
      owns: (zone) => this.owns(zone),
    });
    this.driverAts = new DriverAtFeed(common);
    this.places = new PlaceFeed({
      ...common,
      index,
      remote,
      isWatchedElsewhere: (zone) => this.watch.isWatchedElsewhere(zone),
      listening: (zones) => this.news.tell({ kind: 'watching', zones, to: null }),
    });
    bus.onGap(() => this.gap());
  }

  /**
   * Joins. Resolves after the first beat was answered and `desk` has been told its zones; rejects when the store is out of reach,
   * and then nothing is left running.
   */
  async start(desk: PeerDesk): Promise<void> {
    assert(this.phase === 'new', 'a cluster starts once');
    this.phase = 'starting';
    this.desk = desk;
    const { bus } = this.options;
    try {
      // First the ears, then the beat: what others tell from the moment they see this replica is not missed.
      await Promise.all([
        this.news.listen(),
        bus.listen(replicaTopic(this.self), (bytes) => this.heardPost(bytes)),
      ]);
      await new Promise<void>((resolve, reject) => {
        this.started = { resolve, reject };
        this.pulse.beatNow();
      });
    } catch (error) {
      this.close();
      throw new Error('this replica could not join the others', { cause: error });
    }
    this.checkTimer = this.clock.every(this.timing.checkMs, () => this.check());
  }

  /**
   * Leaves: may not match from now on, owns nothing, and tells the others, who take its zones over at once. Clients are still
   * served, news still told and learnt, until `close`. Resolves when off the roll, or when the store could not be asked: then the
   * others know by the news, or when the lease runs out.
   */
  async drain(): Promise<void> {
    if (this.phase !== 'running') return;
    this.phase = 'leaving';
    this.rollCall.leave();
    this.tellLeaving();
    this.leavingTimer = this.clock.every(this.timing.beatMs, () => this.tellLeaving());
    this.follow(NOBODY);
    await this.pulse.stop();
    await this.options.beats.leave().catch((error: unknown) => {
      this.options.log.warn({ err: error }, 'could not leave the roll: the others strike this replica off');
    });
  }

  /** Tells the others that nobody is served here any more, and ends everything; the bus and the beats stay with who gave them. */
  close(): void {
    if (this.phase === 'closed') return;
    const wasAlive = this.phase === 'running' || this.phase === 'leaving';
    this.phase = 'closed';
    this.rollCall.leave();
    this.pulse.close();
    this.checkTimer?.cancel();
    this.leavingTimer?.cancel();
    if (wasAlive) this.news.tell({ kind: 'gone' });
    this.news.close();
    this.questions.close();
    this.driverAts.close();
    this.places.close();
    this.options.bus.unlisten(replicaTopic(this.self));
  }

  /** The mirror's plan, at the moment it is made: the places in it go to who watches them. */
  flushed(plan: FlushPlan, nowMs: number): void {
    this.places.flushed(plan, nowMs);
  }

  tell(news: News): void {
    if (this.phase !== 'closed') this.news.tell(news);
  }

  showDriverAt(to: ReplicaId, riderId: RiderId, message: DriverAt): void {
    if (to === this.self) this.desk?.driverAt(riderId, message);
    else if (this.others.has(to)) this.driverAts.show(to, riderId, message);
  }

  mayMatch(): boolean {
    return this.phase === 'running' && this.rollCall.mayMatch(this.clock.nowMs());
  }

  owns(zone: Zone): boolean {
    return this.ownership.ownerOf(zone) === this.self;
  }

  elsewhere(zone: Zone): { readonly replicaId: ReplicaId; readonly url: string | null } | null {
    const replicaId = this.ownership.ownerOf(zone);
    if (replicaId === null || replicaId === this.self) return null;
    return { replicaId, url: this.rollCall.infoOf(replicaId)?.url ?? null };
  }

  openRequestsAt(zone: Zone): number {
    const owner = this.ownership.ownerOf(zone);
    if (owner === null || owner === this.self) return this.desk?.openRequests ?? 0;
    return this.rollCall.infoOf(owner)?.openRequests ?? 0;
  }

  async nearby(place: Place, max: number): Promise<Result<NearbyDriver[]>> {
    const owner = this.ownership.ownerOf(zoneAt(place.lat, place.lng, this.options.index.grid));
    if (owner !== null && owner !== this.self) return this.questions.nearby(owner, place, max);
    assert(this.desk !== null, 'asked before the start');
    return this.desk.nearby(place, max);
  }

  async hosted(driverIds: readonly DriverId[]): Promise<ReadonlySet<DriverId>> {
    const nowMs = this.clock.nowMs();
    if (this.rollCall.leaseAgeMs(nowMs) >= this.timing.standDownMs) {
      throw new QuestionError('no_answer', 'out of touch with the roll: who is alive is not known');
    }
    const found = new Set<DriverId>();
    for (let at = 0; at < driverIds.length; at += HOSTED_IDS_MAX) {
      const some = driverIds.slice(at, at + HOSTED_IDS_MAX);
      const answers = await Promise.all([...this.others].map((to) => this.questions.hosted(to, some)));
      for (const driverId of answers.flat()) found.add(driverId);
    }
    return found;
  }

  get isFirst(): boolean {
    return this.mayMatch() && this.rollCall.members[0] === this.self;
  }

  get status(): ClusterStatus {
    return {
      epoch: this.rollCall.epoch,
      members: this.rollCall.members,
      isLeaving: this.phase === 'leaving',
      ownedZones: this.watch.owned.size,
      watchedZones: this.watch.watched.size,
      leaseAgeMs: this.rollCall.leaseAgeMs(this.clock.nowMs()),
      refusedBeats: this.refusedBeats,
      news: this.news.counts,
      places: this.places.counts,
      questions: this.questions.counts,
    };
  }

  /** Why no client should be sent here now, in a sentence; null = ready. */
  readiness(): string | null {
    if (this.phase === 'new' || this.phase === 'starting') return 'has not joined the other replicas yet';
    if (this.phase !== 'running') return 'is leaving the other replicas';
    if (this.mayMatch()) return null;
    const ageS = Math.round(this.rollCall.leaseAgeMs(this.clock.nowMs()) / 1000);
    return `its beat has not been answered for ${ageS} s`;
  }

  private createPulse(): Pulse {
    const { beats, clock, prng } = this.options;
    return new Pulse({
      beats,
      clock,
      prng,
      timing: this.timing,
      info: (): BeatInfo => ({
        url: this.options.url,
        newsSeq: this.news.number,
        openRequests: this.desk?.openRequests ?? 0,
      }),
      knownEpoch: () => this.rollCall.epoch,
      answered: (roll, beganMs) => this.answered(roll, beganMs),
      refused: (error) => this.refused(error),
    });
  }

  private createNewsFeed(): NewsFeed {
    const { bus } = this.options;
    return new NewsFeed({
      self: this.self,
      bus,
      clock: this.clock,
      timing: this.timing,
      hasOthers: () => this.others.size > 0,
      learn: (news, from) => this.desk?.learn(news, from),
      heardWord: (word, from) => this.heardWord(word, from),
      heardFrom: (from) => {
        // Whoever is heard before it is seen on the roll has just come.
        if (!this.others.has(from)) this.pulse.beatNow();
      },
      lostTrack: () => this.desk?.lostTrack(),
    });
  }

  private answered(roll: Roll, beganMs: number): void {
    const wasAgeMs = this.rollCall.leaseAgeMs(beganMs);
    const change = this.rollCall.answered(roll, beganMs, this.clock.nowMs());
    if (change === null) return this.refused(new Error('a beat was answered too late to mean anything'));
    for (const { replicaId, info } of roll.members) {
      if (this.others.has(replicaId) || change.joined.includes(replicaId)) {
        this.news.told(replicaId, info.newsSeq);
      }
    }
    const isFirst = this.phase === 'starting';
    if (isFirst) {
      this.phase = 'running';
      this.news.begin();
    }
    this.follow(change, isFirst);
    // Struck off by the others meanwhile: they have told this replica's drivers and zones for lost.
    if (!isFirst && wasAgeMs >= this.timing.leaseMs) this.gap();
    this.started?.resolve();
    this.started = null;
  }

  private refused(error: Error): void {
    this.refusedBeats++;
    this.rollCall.refused();
    this.options.log.debug({ err: error }, 'a beat was not answered');
    this.started?.reject(error);
    this.started = null;
  }

  private check(): void {
    this.follow(this.rollCall.check(this.clock.nowMs()));
    this.news.check();
  }

  /** Brings everything in line with a change of the roll; the first to do so names the zones even if nobody else is there. */
  private follow({ joined, leaving, gone }: RollChange, isFirst = false): void {
    const hasLeft = this.phase === 'leaving' && this.watch.owned.size > 0;
    if (!isFirst && !hasLeft && joined.length + leaving.length + gone.length === 0) return;
    const { log, zoneMap } = this.options;
    this.others = new Set(this.rollCall.others);
    const { members, epoch } = this.rollCall;
    log.info({ epoch, members, joined, leaving, gone }, 'the replicas have changed');
    // Before anything is matched anew: no request may be given to a driver who is out of reach.
    for (const replicaId of gone) {
      this.questions.gone(replicaId);
      this.desk?.peerGone(replicaId);
      this.news.lose();
    }
    this.ownership = createOwnership(members);
    this.watch = createWatch(zoneMap, this.ownership, this.self);
    this.desk?.ownZones(this.watch.owned);
    this.places.watch(this.watch.watched);
    if (isFirst || this.watch.watched.size === 0) return;
    for (const to of joined) this.news.tell({ kind: 'watching', zones: [...this.watch.watched], to });
  }

  /** What was told or shown for some time did not come here. */
  private gap(): void {
    if (this.phase !== 'running' && this.phase !== 'leaving') return;
    this.news.lose();
    const zones = [...this.watch.watched];
    if (zones.length > 0) this.news.tell({ kind: 'watching', zones, to: null });
  }

  private tellLeaving(): void {
    this.news.tell({ kind: 'leaving' });
    this.news.flush();
  }

  private heardWord(word: Word, from: ReplicaId): void {
    const nowMs = this.clock.nowMs();
    switch (word.kind) {
      case 'watching':
        if (word.to === null || word.to === this.self) this.places.askedFor(word.zones, nowMs);
        return;
      case 'leaving':
        this.follow(this.rollCall.heardLeaving(from, nowMs));
        return;
      case 'gone':
        this.follow(this.rollCall.heardGone(from, nowMs));
        return;
      default:
        unreachable(word);
    }
  }

  private heardPost(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === null || this.desk === null) return;
    for (const item of frame.items) {
      if (typeof item !== 'object' || item === null) continue;
      if (this.driverAts.heard(item, this.desk)) continue;
      this.questions.heard(frame.from, frame.number, item, this.desk);
    }
  }
}
