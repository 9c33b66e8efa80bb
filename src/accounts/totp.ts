import { Secret, TOTP } from 'otpauth';

/** Bytes of a secret: as long as the hash (RFC 4226, 4: at least 16, better 20). */
export const TOTP_SECRET_BYTES = 20;
/** A code is good for so long, s (RFC 6238, 5.2). */
const STEP_S = 30;
/** Steps that a device's clock may differ, either way. */
const STEPS_OFF_MAX = 1;
const ISSUER = 'hexdispatch';

const totpOf = (secret: Buffer, label: string): TOTP =>
  // SHA-1 and six digits: all that some of the apps people have can do.
  new TOTP({
    ...{ issuer: ISSUER, label, algorithm: 'SHA1', digits: 6, period: STEP_S },
    secret: new Secret({ buffer: new Uint8Array(secret).buffer }),
  });

/** What a code app is shown, as a link or a picture of it: `otpauth://totp/…`. Whoever has it has the device. */
export const totpUri = (secret: Buffer, email: string): string => totpOf(secret, email).toString();

/**
 * The number of the step whose code this is, among the present one and one either side; null when it is none of theirs. A step
 * is taken once: who answers for that is the store.
 */
export function totpStep(secret: Buffer, code: string, nowMs: number): number | null {
  if (!/^\d{6}$/.test(code)) return null;
  const delta = totpOf(secret, '').validate({ token: code, timestamp: nowMs, window: STEPS_OFF_MAX });
  return delta === null ? null : Math.floor(nowMs / 1000 / STEP_S) + delta;
}
