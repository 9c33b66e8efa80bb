import type { Prng } from '../../lib/prng.ts';

/** Which of several servers a phone connects to: one at random, the next in turn when one fails, or where it was asked to go. */
export class ServerChoice {
  private readonly urls: readonly string[];
  private at: number;
  private asked: string | null = null;

  /** No URLs: the line knows its way. The generator is asked only where there is a choice. */
  constructor(urls: readonly string[], prng: Prng) {
    this.urls = urls;
    this.at = urls.length > 1 ? prng.int(urls.length) : 0;
  }

  /** Base URL, or null: wherever the line goes by itself. */
  get url(): string | null {
    return this.asked ?? this.urls[this.at] ?? null;
  }

  /** The present one has failed or is going away. */
  tryNext(): void {
    if (this.urls.length > 0) this.at = (this.at + 1) % this.urls.length;
    // Whoever was recommended is in the list, or was there only as long as it lived.
    if (this.asked !== null && this.urls[this.at] === this.asked) this.at = (this.at + 1) % this.urls.length;
    this.asked = null;
  }

  goTo(url: string): void {
    this.asked = url;
  }
}
