import type { Beats } from '../bus/beats.ts';
import type { Bus } from '../bus/bus.ts';
import type { DriverAt, News, PeerDesk, Peers } from '../dispatch/peers.ts';
import { zoneAt, type Zone } from '../domain/cell.ts';
import type { DriverId, ReplicaId, RiderId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { rejected, type Result } from '../domain/rejection.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { FlushPlan } from '../geo/driver-mirror.ts';
import type { RemoteDrivers } from '../geo/remote-drivers.ts';
import { assert, unreachable } from '../lib/assert.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Prng } from '../lib/prng.ts';
import type { NearbyDriver } from '../protocol/messages.ts';
import { DriverAtFeed } from './driver-at-feed.ts';
import { decodeFrame } from './frame.ts';
import { Membership } from './membership.ts';
import { NewsFeed, type NewsCounts } from './news-feed.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import { PlaceFeed, type PlaceCounts } from './place-feed.ts';
import { HOSTED_IDS_MAX, QuestionError, Questions, type QuestionCounts } from './questions.ts';
import type { RollChange } from './roll-call.ts';
import { CLUSTER_TIMING, type ClusterTiming } from './timing.ts';
import { replicaTopic } from './topics.ts';
import type { Word } from './word.ts';
import { createWatch, type Watch, type ZoneMap } from './zone-map.ts';

export interface ClusterOptions {
  readonly replicaId: ReplicaId;
  /** Whether the database is in reach; asked with each beat. */
  readonly canStore: () => boolean;
  /** Where clients reach this replica itself, or null; asked with each beat. */
  readonly url: () => string | null;
  /** As fast as the store's clock, which counts the leases: the wall's, also where the city's time goes faster. */
  readonly clock: Clock;
  /** The index's. */
  readonly engineClock: Pick<Clock, 'nowMs'>;
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

/**
 * This replica among the others: who owns what, news, places and questions, behind the engine's `Peers`. `start` joins, `drain`
 * leaves with the clients still served, `close` ends. Decided is all in RollCall, createOwnership and HeardNumbers, which are pure;
 * here that is tied to the bus, the beats and the clock.
 */
export class Cluster implements Peers {
  private readonly options: ClusterOptions;
  private readonly self: ReplicaId;
  private readonly clock: Clock;
  private readonly timing: ClusterTiming;
  private readonly membership: Membership;
  private readonly news: NewsFeed;
  private readonly questions: Questions;
  private readonly places: PlaceFeed;
  private readonly driverAts: DriverAtFeed;
  private desk: PeerDesk | null = null;
  private ownership: Ownership = createOwnership([]);
  private watch: Watch;
  private others: ReadonlySet<ReplicaId> = new Set();
  private leavingTimer: Timer | null = null;
  private isClosed = false;

  constructor(options: ClusterOptions) {
    const { replicaId: self, clock, engineClock, timing = CLUSTER_TIMING } = options;
    const { bus, index, remote, zoneMap } = options;
    this.options = options;
    this.self = self;
    this.clock = clock;
    this.timing = timing;
    this.watch = createWatch(zoneMap, this.ownership, self);
    this.membership = this.createMembership();
    this.news = this.createNewsFeed();
    const common = { self, bus, clock, timing };
    this.questions = new Questions({
      ...common,
      zoneOf: (place) => this.zoneOf(place),
      owns: (zone) => this.owns(zone),
    });
    this.driverAts = new DriverAtFeed(common);
    this.places = new PlaceFeed({
      ...common,
      engineClock,
      index,
      remote,
      watchersOf: (zone) => this.watch.watchersOf(zone),
      watching: (zones) => this.news.say({ kind: 'watching', zones, to: null }),
    });
    bus.onGap(() => this.askAnew());
  }

  /**
   * Joins. Resolves after the first beat was answered and `desk` has been told its zones; rejects when the store is out of reach,
   * and then nothing is left running. Once.
   */
  async start(desk: PeerDesk): Promise<void> {
    assert(this.desk === null, 'a cluster starts once');
    this.desk = desk;
    try {
      // First the ears, then the beat: what others tell from the moment they see this replica is not missed.
      await Promise.all([
        this.news.listen(),
        this.options.bus.listen(replicaTopic(this.self), (bytes) => this.heardPost(bytes)),
        this.places.listen(),
      ]);
      await this.membership.join();
    } catch (error) {
      this.close();
      throw new Error('this replica could not join the others', { cause: error });
    }
  }

  /**
   * Leaves: may not match from now on, owns nothing, and tells the others, who take its zones over at once. Clients are still
   * served, news still told and learnt, until `close`. Resolves when off the roll, or when the store could not be asked: then the
   * others know by the news, or when the lease runs out.
   */
  async drain(): Promise<void> {
    if (!this.membership.isIn) return;
    this.membership.standDown();
    this.tellLeaving();
    this.leavingTimer = this.clock.every(this.timing.beatMs, () => this.tellLeaving());
    this.follow({ joined: [], leaving: [this.self], gone: [], isReshared: true });
    await this.membership.leave();
  }

  /** Tells the others that nobody is served here any more, and ends everything; the bus and the beats stay with who gave them. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.membership.isIn || this.membership.isLeaving) this.news.say({ kind: 'gone' });
    this.membership.close();
    this.leavingTimer?.cancel();
    this.news.close();
    this.questions.close();
    this.driverAts.close();
    this.places.close();
    this.options.bus.unlisten(replicaTopic(this.self));
  }

  /** The mirror's plan, at the moment it is made: the places in it go to who watches them. */
  flushed(plan: FlushPlan, nowMs: number): void {
    if (!this.isClosed) this.places.flushed(plan, nowMs);
  }

  tell(news: News): void {
    if (!this.isClosed) this.news.tell(news);
  }

  showDriverAt(to: ReplicaId, riderId: RiderId, message: DriverAt): void {
    if (to === this.self) this.desk?.driverAt(riderId, message);
    else if (this.others.has(to) && !this.isClosed) this.driverAts.show(to, riderId, message);
  }

  mayMatch(): boolean {
    return this.membership.mayMatch;
  }

  owns(zone: Zone): boolean {
    return this.ownership.ownerOf(zone) === this.self;
  }

  elsewhere(zone: Zone): { readonly replicaId: ReplicaId; readonly url: string | null } | null {
    const replicaId = this.ownership.ownerOf(zone);
    if (replicaId === null || replicaId === this.self) return null;
    return { replicaId, url: this.membership.infoOf(replicaId)?.url ?? null };
  }

  openRequestsAt(zone: Zone): number {
    const owner = this.ownership.ownerOf(zone);
    if (owner === null || owner === this.self) return this.desk?.openRequests ?? 0;
    return this.membership.infoOf(owner)?.openRequests ?? 0;
  }

  async nearby(place: Place, max: number): Promise<Result<NearbyDriver[]>> {
    const owner = this.ownership.ownerOf(this.zoneOf(place));
    if (owner !== null && owner !== this.self) return this.questions.nearby(owner, place, max);
    return this.desk === null ? rejected('unavailable') : this.desk.nearby(place, max);
  }

  async hosted(driverIds: readonly DriverId[]): Promise<ReadonlySet<DriverId>> {
    const found = new Set<DriverId>();
    for (let at = 0; at < driverIds.length; at += HOSTED_IDS_MAX) {
      if (this.membership.leaseAgeMs >= this.timing.standDownMs)
        throw new QuestionError('no_answer', 'out of touch with the roll: who is alive is not known');
      const some = driverIds.slice(at, at + HOSTED_IDS_MAX);
      const answers = await Promise.all([...this.others].map((to) => this.questions.hosted(to, some)));
      for (const driverId of answers.flat()) found.add(driverId);
    }
    return found;
  }

  get isFirst(): boolean {
    return this.mayMatch() && this.membership.owners[0] === this.self;
  }

  get status(): ClusterStatus {
    const { membership, watch } = this;
    return {
      epoch: membership.epoch,
      members: membership.members,
      isLeaving: membership.isLeaving,
      ownedZones: watch.owned.size,
      watchedZones: watch.watched.size,
      leaseAgeMs: membership.leaseAgeMs,
      refusedBeats: membership.refusedBeats,
      news: this.news.counts,
      places: this.places.counts,
      questions: this.questions.counts,
    };
  }

  /** Why no client should be sent here now, in a sentence; null = ready. */
  readiness(): string | null {
    const { membership } = this;
    if (membership.mayMatch) return null;
    if (membership.isLeaving || this.isClosed) return 'is leaving the other replicas';
    if (!membership.isIn) return 'has not joined the other replicas yet';
    return `has had no answer to its beat for ${Math.round(membership.leaseAgeMs / 1000)} s`;
  }

  private createMembership(): Membership {
    const { replicaId: self, beats, clock, prng, log, url, canStore } = this.options;
    return new Membership({
      self,
      beats,
      clock,
      prng,
      log,
      timing: this.timing,
      info: () => ({
        url: url(),
        newsSeq: this.news.number,
        openRequests: this.desk?.openRequests ?? 0,
        canStore: canStore(),
      }),
      joined: () => this.news.begin(),
      changed: (change) => this.follow(change),
      told: (from, newsSeq) => this.news.told(from, newsSeq),
      returned: () => this.askAnew(),
      checked: () => this.news.check(),
    });
  }

  private createNewsFeed(): NewsFeed {
    return new NewsFeed({
      self: this.self,
      bus: this.options.bus,
      clock: this.clock,
      timing: this.timing,
      hasOthers: () => this.others.size > 0,
      learn: (news, from) => this.desk?.learn(news, from),
      heardWord: (word, from) => this.heardWord(word, from),
      heardFrom: (from) => {
        // Whoever is heard before it is seen on the roll has just come.
        if (!this.others.has(from)) this.membership.beatNow();
      },
      lostTrack: () => this.desk?.lostTrack(),
    });
  }

  private zoneOf({ lat, lng }: Place): Zone {
    return zoneAt(lat, lng, this.options.index.grid);
  }

  /** Brings everything in line with a change of the roll. */
  private follow({ joined, leaving, gone }: RollChange): void {
    const { log, zoneMap } = this.options;
    const { owners, others, epoch } = this.membership;
    log.info({ epoch, owners, joined, leaving, gone }, 'the replicas have changed');
    this.others = new Set(others);
    // Before anything is matched anew: no request may be given to a driver who is out of reach.
    for (const replicaId of gone) {
      this.questions.gone(replicaId);
      this.desk?.peerGone(replicaId);
      this.news.lose();
    }
    const before = this.watch.watched;
    this.ownership = createOwnership(owners);
    this.watch = createWatch(zoneMap, this.ownership, this.self);
    this.places.watch(this.watch.watched);
    this.desk?.ownZones(this.watch.owned);
    // Who comes (back) may have drivers there: of zones that are new here everybody has just been asked.
    const known = [...this.watch.watched].filter((zone) => before.has(zone));
    if (known.length === 0) return;
    for (const to of joined) this.news.say({ kind: 'watching', zones: known, to });
  }

  /** What was told or shown for some time may not have come here. */
  private askAnew(): void {
    if (!this.membership.isIn && !this.membership.isLeaving) return;
    this.news.lose();
    const zones = [...this.watch.watched];
    if (zones.length > 0) this.news.say({ kind: 'watching', zones, to: null });
  }

  private tellLeaving(): void {
    this.news.say({ kind: 'leaving' });
    this.news.flush();
  }

  private heardWord(word: Word, from: ReplicaId): void {
    switch (word.kind) {
      case 'watching':
        if (word.to === null || word.to === this.self) this.places.askedFor(word.zones, from);
        return;
      case 'leaving':
        return this.membership.heardLeaving(from);
      case 'gone':
        return this.membership.heardGone(from);
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
