/**
 * Every business "no", by code: a value, not an exception. The message is for a developer reading a log; apps translate
 * by code. `retryable` says whether the same command may succeed later without being changed.
 */
export const REJECTIONS = {
  bad_message: { retryable: false, message: 'the message does not fit its schema' },
  unknown_type: { retryable: false, message: 'no such message type' },
  unauthorized: { retryable: false, message: 'the token is missing, wrong or out of date' },
  forbidden: { retryable: false, message: 'this account may not do that' },
  not_found: { retryable: false, message: 'no such thing, or not yours' },
  rate_limited: { retryable: true, message: 'too many messages; slow down' },
  overloaded: { retryable: true, message: 'the server is shedding load; try again shortly' },
  unavailable: { retryable: true, message: 'a store is out of reach; try again shortly' },
  draining: { retryable: true, message: 'this server is going away; reconnect and send it again' },
  key_reused: { retryable: false, message: 'this idempotency key was used for another command' },
  outside_area: { retryable: false, message: 'the place lies outside the service area' },
  class_not_offered: { retryable: false, message: 'this market does not offer that vehicle class' },
  rider_busy: { retryable: false, message: 'the rider already has an active trip' },
  driver_busy: { retryable: false, message: 'the driver already has an active trip' },
  offer_gone: { retryable: false, message: 'the offer was answered, timed out or withdrawn' },
  wrong_state: { retryable: false, message: 'the trip is not in a state that allows this' },
  wrong_pin: { retryable: false, message: 'the PIN is not the one of this trip' },
  too_early: { retryable: true, message: 'the waiting time at the pickup has not passed yet' },
  account_suspended: { retryable: false, message: 'the account is suspended' },
  location_suspect: {
    retryable: true,
    message: 'the places of this driver’s device cannot be believed just now',
  },
  not_approved: {
    retryable: false,
    message: 'the driver, or this vehicle, is not approved for going on duty',
  },
  conflict: { retryable: false, message: 'something else stands against it' },
  in_progress: { retryable: true, message: 'the same write is still under way; ask again for its answer' },
  pickup_forbidden: { retryable: false, message: 'nobody may be picked up at this place' },
} as const;

export type RejectionCode = keyof typeof REJECTIONS;

export interface Rejection {
  readonly ok: false;
  readonly code: RejectionCode;
  /** What was wrong in this case; never personal data. */
  readonly detail?: string;
}

/** A value, or a "no" with its code. */
export type Result<T> = { readonly ok: true; readonly value: T } | Rejection;

export const accepted = <T>(value: T): Result<T> => ({ ok: true, value });
export const rejected = (code: RejectionCode, detail?: string): Rejection =>
  detail === undefined ? { ok: false, code } : { ok: false, code, detail };
