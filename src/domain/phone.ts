import { parsePhoneNumberFromString } from 'libphonenumber-js';

/** A number in E.164: `+` and 8 to 15 digits. */
export type Phone = string & { readonly brand: 'Phone' };

/** The number as E.164, or null when it is none that exists in its country's plan. It must begin with `+`: no country is guessed. */
export function phoneIn(text: string): Phone | null {
  if (!/^\+[0-9 ().-]{7,24}$/.test(text)) return null;
  const parsed = parsePhoneNumberFromString(text);
  return parsed?.isValid() === true ? (parsed.number as Phone) : null;
}

/** As it may be shown and logged: its last two digits. */
export const maskedPhone = (phone: Phone): string => `…${phone.slice(-2)}`;
