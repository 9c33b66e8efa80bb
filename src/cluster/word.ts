import type { Zone } from '../domain/cell.ts';
import type { ReplicaId } from '../domain/ids.ts';
import type { News } from '../dispatch/peers.ts';

/** What replicas tell each other about themselves, in the same frames as the news. */
export type Word =
  /** The sender watches these zones from now on: whoever hosts drivers there sends them whole. `to` null = all. */
  | { readonly kind: 'watching'; readonly zones: readonly Zone[]; readonly to: ReplicaId | null }
  /** Owns nothing any more, still serves its clients; said again with what would be each beat. */
  | { readonly kind: 'leaving' }
  /** Serves nobody any more. */
  | { readonly kind: 'gone' };

const NEWS_KINDS: ReadonlySet<string> = new Set(
  Object.keys({
    trip_changed: true,
    trip_found: true,
    offer_opened: true,
    offers_closed: true,
    off_duty: true,
    driver_seated: true,
    rider_seated: true,
    driver_followed: true,
  } satisfies Record<News['kind'], true>),
);

/** Whether the engine knows this kind; a newer version's are passed over. */
export const isNewsKind = (kind: string): boolean => NEWS_KINDS.has(kind);

/** Null for what is none of the words, or ill-formed. */
export function readWord(item: object): Word | null {
  const { kind, zones, to } = item as Record<string, unknown>;
  if (kind === 'leaving' || kind === 'gone') return { kind };
  if (kind !== 'watching' || !Array.isArray(zones) || !zones.every(Number.isSafeInteger)) return null;
  if (to !== null && typeof to !== 'string') return null;
  return { kind, zones: zones as Zone[], to: to as ReplicaId | null };
}
