import { isFinal } from '../../domain/trip.ts';
import type { OfferView, ServerMessage, Snapshot, TripView } from '../../protocol/messages.ts';
import type { Member } from '../../dispatch/desk.ts';
import { accountOf } from '../../dispatch/desk.ts';
import type { AppMessage } from '../virtual/network.ts';

type Ack = Extract<ServerMessage, { t: 'ack' }>;
type Refusal = Extract<ServerMessage, { t: 'error' }>;
export type Command = Exclude<AppMessage, { t: 'ping' | 'pings' }>;

/** One command of a client and every answer it ever got, repeats included. */
export interface Asked {
  readonly command: Command;
  readonly atMs: number;
  sends: number;
  readonly answers: (Ack | Refusal)[];
}

/**
 * What one app knows by its own ears: what it sent, what was answered, what it was told, and how it thinks things stand. Written by
 * the network, so it cannot be wrong about the app; knows nothing of the server or the store.
 */
export class ClientHistory {
  readonly member: Member;
  readonly asked = new Map<string, Asked>();
  /** Offers told, by id, with the trips they are for. */
  readonly offersTold = new Map<string, string>();
  private readonly seenVersions = new Map<string, number>();
  isConnected = false;
  /** How things stand by all that was heard: newest version wins, a snapshot wipes what it does not hold. */
  trip: TripView | null = null;
  offer: OfferView | null = null;

  constructor(member: Member) {
    this.member = member;
  }

  get account(): string {
    return accountOf(this.member);
  }

  sent(message: AppMessage, atMs: number): void {
    if (message.t === 'ping' || message.t === 'pings') return;
    const before = this.asked.get(message.id);
    if (before === undefined) this.asked.set(message.id, { command: message, atMs, sends: 1, answers: [] });
    else before.sends += 1;
  }

  received(message: ServerMessage): void {
    switch (message.t) {
      case 'welcome':
        this.isConnected = true;
        if (message.snapshot !== null) this.take(message.snapshot);
        return;
      case 'ack':
        this.asked.get(message.id)?.answers.push(message);
        if (message.snapshot !== undefined) this.take(message.snapshot);
        else if (message.trip !== undefined) this.see(message.trip);
        return;
      case 'error':
        if (message.id !== null) this.asked.get(message.id)?.answers.push(message);
        return;
      case 'offer':
        this.offered(message.offer);
        return;
      case 'offer_closed':
        if (this.offer?.offerId === message.offerId) this.offer = null;
        return;
      case 'trip':
        return this.see(message.trip);
      case 'driver_at':
      case 'move':
      case 'duty':
        return;
    }
  }

  disconnected(): void {
    this.isConnected = false;
  }

  private offered(offer: OfferView): void {
    this.offer = offer;
    this.offersTold.set(offer.offerId, offer.tripId);
  }

  private take(snapshot: Snapshot): void {
    this.trip = snapshot.trip;
    this.offer = null;
    if (snapshot.offer !== null) this.offered(snapshot.offer);
  }

  private see(trip: TripView): void {
    const known = this.trip;
    // The answer to a repeated command tells what was so at first (R5), long after newer versions have come.
    if (trip.version < (this.seenVersions.get(trip.tripId) ?? 0)) return;
    this.seenVersions.set(trip.tripId, trip.version);
    const isMine =
      this.member.role === 'rider' ? trip.riderId === this.account : trip.driverId === this.account;
    if (isFinal(trip.status) || !isMine) {
      if (known === null || known.tripId === trip.tripId) this.trip = null;
    } else this.trip = trip;
    if (this.offer?.tripId === trip.tripId) this.offer = null;
  }
}
