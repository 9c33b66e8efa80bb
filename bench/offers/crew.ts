import type { Place } from '../../src/domain/place.ts';

export interface TimedDriver {
  /** Tells where it stands. */
  ping(): void;
}

export interface TimedRider {
  request(pickup: Place): void;
}

export interface DriverOptions {
  readonly port: number;
  readonly n: number;
  readonly place: Place;
  /** Called before the offer is accepted; the pickup is exactly the one that was asked for. */
  readonly onOffer: (pickup: Place) => void;
}

export interface RiderOptions {
  readonly port: number;
  readonly n: number;
  /** The ride is over: the driver is free again, and the rider may ask anew. */
  readonly onEnd: () => void;
  /** There will be no driver for this request; why not. The rider may ask anew. */
  readonly onRefused: (why: string) => void;
}

/**
 * Drivers and riders of one kind of server. A driver accepts each offer at once and brings the ride to its end as fast as the server lets them, so that
 * there are always free ones.
 */
export interface Crew {
  openDriver(options: DriverOptions): Promise<TimedDriver>;
  openRider(options: RiderOptions): Promise<TimedRider>;
}
