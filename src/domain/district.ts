import { type Area, isInside } from './area.ts';
import type { FareLine } from './fare.ts';
import type { Place } from './place.ts';

/** A named part of a market where other rules hold: an airport, a pedestrian street. Districts may overlap; all that hold a place count. */
export interface District {
  readonly name: string;
  readonly area: Area;
  /** Added to the fare of who is picked up, or dropped off, here. */
  readonly pickupFeeMinor: number;
  readonly dropoffFeeMinor: number;
  /** Nobody may be picked up here. */
  readonly isPickupForbidden: boolean;
}

/** What a way costs that leads from one area to another: a bridge, a tunnel. */
export interface Toll {
  readonly name: string;
  readonly from: Area;
  readonly to: Area;
  readonly amountMinor: number;
}

/** The rules of places in a market. */
export interface PlaceRules {
  readonly districts: readonly District[];
  readonly tolls: readonly Toll[];
}

/** The district that forbids to be picked up at a place, or undefined. */
export const forbiddingPickup = ({ districts }: PlaceRules, pickup: Place): District | undefined =>
  districts.find((district) => district.isPickupForbidden && isInside(district.area, pickup));

/** The lines that the places of a ride add to its fare. */
export function feesOfPlaces({ districts, tolls }: PlaceRules, pickup: Place, dropoff: Place): FareLine[] {
  const pickups = districts
    .filter(({ area }) => isInside(area, pickup))
    .map(({ name, pickupFeeMinor }) => line('pickup_fee', pickupFeeMinor, name));
  const dropoffs = districts
    .filter(({ area }) => isInside(area, dropoff))
    .map(({ name, dropoffFeeMinor }) => line('dropoff_fee', dropoffFeeMinor, name));
  const crossed = tolls
    .filter(({ from, to }) => isInside(from, pickup) && isInside(to, dropoff))
    .map(({ name, amountMinor }) => line('toll', amountMinor, name));
  return [...pickups, ...dropoffs, ...crossed].filter(({ amountMinor }) => amountMinor > 0);
}

const line = (kind: FareLine['kind'], amountMinor: number, about: string): FareLine => ({
  kind,
  amountMinor,
  about,
});
