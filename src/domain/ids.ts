/** Ids are branded strings, so that a rider's cannot stand where a driver's belongs. */
type Branded<Name extends string> = string & { readonly __brand: Name };

/** An account of the driver app: the token's subject, 1 to 64 characters of `[A-Za-z0-9_.:-]`. */
export type DriverId = Branded<'DriverId'>;
/** An account of the rider app; same alphabet as a DriverId. */
export type RiderId = Branded<'RiderId'>;
/** A trip, from request to end: a UUID (version 7, so that new rows land together in the index). */
export type TripId = Branded<'TripId'>;
/** One offer of one trip to one driver: a UUID. */
export type OfferId = Branded<'OfferId'>;
/** A city: see Market. Lower-case kebab, e.g. `san-francisco`. */
export type MarketId = Branded<'MarketId'>;
/** One server process, from start to end: new each time it starts, `[a-z0-9]{8,32}`. */
export type ReplicaId = Branded<'ReplicaId'>;

/** Makes new ids; production draws UUIDs (version 7), the simulation a seeded sequence of them. */
export interface IdSource {
  newId(): string;
  /** Four digits that the rider tells the driver. */
  newPin(): string;
}

export const ACCOUNT_ID_PATTERN = '^[A-Za-z0-9_.:-]{1,64}$';
const ACCOUNT = new RegExp(ACCOUNT_ID_PATTERN, 'u');

/** True for what may stand as the subject of a token. */
export function isAccountId(text: string): boolean {
  return ACCOUNT.test(text);
}
