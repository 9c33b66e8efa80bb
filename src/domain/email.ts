const LENGTH_MAX = 254;
const SHAPE = /^[^\s@\p{C}]{1,64}@[^\s@\p{C}]+\.[^\s@.\p{C}]+$/u;

/** The address as it is kept and compared, or null when it is none. Whether mail arrives there only sending it tells. */
export function normalEmail(text: string): string | null {
  const email = text.trim().normalize('NFKC').toLowerCase();
  return email.length <= LENGTH_MAX && SHAPE.test(email) ? email : null;
}
