/**
 * WebSocket close codes of this server. Numbers are never given a second meaning. The range tells a client what to do, also
 * with a code it does not know: 4000-4099 connect again at once, 4100-4199 connect again after a back-off, 4200-4299 stop,
 * and tell the user or the developer. Codes below 4000 (a lost line is 1006) mean: after a back-off.
 */
export const CLOSE = {
  going_away: { code: 4000, why: 'this server is going away: connect again at once, another one answers' },
  lost_track: {
    code: 4001,
    why: 'more happened than could be kept for you: connect again and take the snapshot',
  },
  slow_reader: { code: 4100, why: 'you read more slowly than was sent' },
  rate_abuse: { code: 4101, why: 'you kept on sending far above the limits' },
  unavailable: { code: 4102, why: 'your state could not be loaded just now' },
  seated_elsewhere: {
    code: 4103,
    why: 'the account has connected to another replica: if you are still there come back, but not again and again',
  },
  replaced: { code: 4200, why: 'a newer connection of the same account has taken over' },
  bad_frames: { code: 4201, why: 'too many frames were malformed' },
  session_ended: { code: 4203, why: 'the session was ended, or the account suspended: sign in again' },
  token_expired: { code: 4202, why: 'the token ran out: get a new one first' },
} as const;

export type CloseReason = keyof typeof CLOSE;

/** What a client does about a close code. */
export type AfterClose = 'reconnect_now' | 'reconnect_later' | 'stop';

/** The ranges above, as a function for clients. */
export function afterClose(code: number): AfterClose {
  if (code >= 4000 && code <= 4099) return 'reconnect_now';
  return code >= 4200 && code <= 4299 ? 'stop' : 'reconnect_later';
}
