/** A code of six digits is good for five minutes and five tries: somebody who guesses is right once in 200,000 codes. */
export const CODE_TTL_MS = 5 * 60_000;
export const CODE_TRIES_MAX = 5;
/** Codes sent to one number in a window; the next only when the window is over. So 15 tries in ten minutes, and no flood of messages. */
export const CODE_SENDS_MAX = 3;
export const CODE_WINDOW_MS = 10 * 60_000;
