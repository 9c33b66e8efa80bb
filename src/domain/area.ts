import type { Place } from './place.ts';

/** A polygon by its corners in order, the last joined to the first; straight between them on a map of degrees. May not cross the 180th meridian. */
export type Area = readonly Place[];

export const AREA_CORNERS_MAX = 200;

/** Whether a place lies in the area (even-odd rule); on its rim it may be either. */
export function isInside(area: Area, { lat, lng }: Place): boolean {
  let inside = false;
  let from = area[area.length - 1]!;
  for (const to of area) {
    if (from.lat > lat !== to.lat > lat) {
      const crossingLng = from.lng + ((lat - from.lat) / (to.lat - from.lat)) * (to.lng - from.lng);
      if (lng < crossingLng) inside = !inside;
    }
    from = to;
  }
  return inside;
}

/** What is wrong with the area, to be said behind its name; null when it is one. */
export function areaProblem(area: Area): string | null {
  if (area.length < 3) return 'needs 3 corners or more';
  if (area.length > AREA_CORNERS_MAX) return `has more than ${AREA_CORNERS_MAX} corners`;
  for (let one = 0; one < area.length; one++) {
    // Edges that share a corner only meet there.
    const last = one === 0 ? area.length - 1 : area.length;
    for (let other = one + 2; other < last; other++) {
      if (isCrossing(edgeOf(area, one), edgeOf(area, other)))
        return `crosses itself: the edge from corner ${one + 1} and the one from corner ${other + 1}`;
    }
  }
  return sizeOf(area) === 0 ? 'has nothing inside' : null;
}

type Edge = readonly [from: Place, to: Place];

const edgeOf = (area: Area, from: number): Edge => [area[from]!, area[(from + 1) % area.length]!];

/** Above 0 where `place` lies to the left of the way along the edge, below to its right. */
const sideOf = ([from, to]: Edge, place: Place): number =>
  Math.sign((to.lng - from.lng) * (place.lat - from.lat) - (to.lat - from.lat) * (place.lng - from.lng));

const isCrossing = (a: Edge, b: Edge): boolean =>
  sideOf(a, b[0]) * sideOf(a, b[1]) < 0 && sideOf(b, a[0]) * sideOf(b, a[1]) < 0;

/** Square degrees, twice; whichever way round the corners go. */
function sizeOf(area: Area): number {
  const parts = area.map((_, at) => {
    const [from, to] = edgeOf(area, at);
    return from.lng * to.lat - to.lng * from.lat;
  });
  return Math.abs(parts.reduce((sum, part) => sum + part, 0));
}
