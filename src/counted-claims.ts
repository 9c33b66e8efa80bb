import type { Claims } from './geo/claims.ts';

/** Claims that count their commands, for metrics. */
export class CountedClaims implements Claims {
  commands = 0;
  private readonly claims: Claims;

  constructor(claims: Claims) {
    this.claims = claims;
  }

  claim(requests: Parameters<Claims['claim']>[0]): Promise<boolean[]> {
    this.commands += requests.length;
    return this.claims.claim(requests);
  }

  release(releases: Parameters<Claims['release']>[0]): Promise<void> {
    this.commands += releases.length;
    return this.claims.release(releases);
  }
}
