import type { DriverId } from '../domain/ids.ts';

/** Offers remembered per driver: older ones fade. */
const WEIGHT = 0.9;
/** Before a driver has answered anything: 9 of 10 accepted. Ten offers outweigh it. */
const PRIOR = 0.9;

/**
 * How likely each driver is to accept, from the answers so far: an exponentially weighted mean that starts at the prior.
 * Holds at most `driversMax` drivers; beyond, whoever was heard of first is forgotten.
 */
export interface Acceptance {
  /** 0 to 1. */
  rate(driverId: DriverId): number;
  answered(driverId: DriverId, accepted: boolean): void;
}

export function createAcceptance(driversMax: number): Acceptance {
  const rates = new Map<DriverId, number>();
  return {
    rate: (driverId) => rates.get(driverId) ?? PRIOR,
    answered(driverId, accepted) {
      const rate = rates.get(driverId) ?? PRIOR;
      rates.delete(driverId);
      if (rates.size >= driversMax) rates.delete(rates.keys().next().value!);
      rates.set(driverId, rate * WEIGHT + (accepted ? 1 - WEIGHT : 0));
    },
  };
}
