import type { Offer } from '../domain/offer.ts';
import type { DispatchState } from './dispatch-state.ts';

/** Replicas' clocks differ, and the end of an offer is told a moment after its time. */
const SLACK_MS = 5_000;

/** Another replica's offer: its driver is not free here until it is over. */
export function noteForeign(state: DispatchState, offer: Offer, nowMs: number): void {
  const { index, foreignOffers } = state;
  if (state.offers.has(offer.offerId)) return;
  const { offerId, driverId, expiresMs } = offer;
  const slot = index.slotOf(driverId);
  if (slot < 0) return;
  foreignOffers.set(driverId, { offerId, expiresMs });
  if (index.statusOf(slot) === 'available') index.setStatus(slot, 'offered', nowMs);
}

/** The end of an offer that was not made here; who accepted stays `offered` until their trip is heard of. */
export function forgetForeign(state: DispatchState, offer: Offer, nowMs: number): void {
  const { index, foreignOffers } = state;
  if (foreignOffers.get(offer.driverId)?.offerId !== offer.offerId) return;
  if (offer.status === 'accepted') return;
  foreignOffers.delete(offer.driverId);
  const slot = index.slotOf(offer.driverId);
  if (slot >= 0 && index.statusOf(slot) === 'offered') index.setStatus(slot, 'available', nowMs);
}

/** News of an end may be lost: past its time an offer binds nobody. */
export function forgetOverdue(state: DispatchState, nowMs: number): void {
  const { index, foreignOffers } = state;
  for (const [driverId, { expiresMs }] of foreignOffers) {
    if (nowMs < expiresMs + SLACK_MS) continue;
    foreignOffers.delete(driverId);
    const slot = index.slotOf(driverId);
    if (slot >= 0 && index.statusOf(slot) === 'offered') index.setStatus(slot, 'available', nowMs);
  }
}
