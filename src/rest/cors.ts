/**
 * Pages of which other origins may read answers (CORS, fetch.spec.whatwg.org). Tokens travel in a header that only a page's code sets, never in a
 * cookie, so credentials are not allowed and `*` opens nothing that a program could not do.
 */
export class Cors {
  private readonly origins: ReadonlySet<string>;

  /** Origins as browsers write them, `https://app.example.com`, or `*`; none: no page of another origin. */
  constructor(origins: readonly string[]) {
    this.origins = new Set(origins);
  }

  get isOpen(): boolean {
    return this.origins.size > 0;
  }

  /** What to allow a page of this origin as, or null. '' is who sends no Origin. */
  allowed(origin: string): string | null {
    if (origin === '') return null;
    if (this.origins.has('*')) return '*';
    return this.origins.has(origin) ? origin : null;
  }
}

/** What a page may send, as the answer to a preflight; browsers ask again after two hours. */
export const PREFLIGHT_HEADERS: readonly (readonly [string, string])[] = [
  ['access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE'],
  ['access-control-allow-headers', 'authorization, content-type, idempotency-key'],
  ['access-control-max-age', '7200'],
];
/** Beside those that any page may read. */
export const EXPOSED_HEADERS = 'retry-after, allow';
