import type { ResumePoint } from '../../gateway/session.ts';
import type { Line } from '../apps/line.ts';

/** A line that needs a token first: made once, at the first `open`; what is closed meanwhile is not opened any more. */
export class TokenLine<M> implements Line<M> {
  private readonly issue: () => Promise<string>;
  private readonly lineOf: (token: string) => Line<M>;
  private line: Line<M> | null = null;
  /** Rises with each open and close: an open that was overtaken does nothing. */
  private turn = 0;

  constructor(issue: () => Promise<string>, lineOf: (token: string) => Line<M>) {
    this.issue = issue;
    this.lineOf = lineOf;
  }

  open(resume: ResumePoint | null, url: string | null): void {
    this.turn += 1;
    if (this.line !== null) return this.line.open(resume, url);
    const { turn } = this;
    void this.issue().then((token) => {
      this.line ??= this.lineOf(token);
      if (turn === this.turn) this.line.open(resume, url);
    });
  }

  send(message: M): void {
    this.line?.send(message);
  }

  close(): void {
    this.turn += 1;
    this.line?.close();
  }

  probe(): void {
    this.line?.probe?.();
  }
}
