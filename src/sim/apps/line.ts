import type { ResumePoint } from '../../gateway/session.ts';
import type { ServerMessage } from '../../protocol/messages.ts';

/** What a line tells the phone it belongs to. */
export interface LineEvents {
  received(message: ServerMessage): void;
  /** The line is gone, by its WebSocket close code; also when it could not be opened (1006). */
  closed(code: number): void;
  /** A sign of life that is no message. */
  heard(): void;
}

/**
 * A phone's connection to the server, whatever carries it (a WebSocket, a simulated network). `open` begins a connection; it
 * ends with one `closed`, or with the phone's own `close`, after which nothing more is heard of it. Then it may be opened
 * again. No event is called from inside `open`, `send` or `close`.
 */
export interface Line<M> {
  /** `url`: base URL of the server; null = where this line goes by itself. */
  open(resume: ResumePoint | null, url: string | null): void;
  /** Hands the message over at once, if the connection is still there: a message may be lost, as on any line. */
  send(message: M): void;
  close(): void;
  /** Asks the server for a sign of life (`heard`); absent on a line that cannot. */
  probe?(): void;
}

/** Makes the line of one phone. */
export type OpenLine<M> = (events: LineEvents) => Line<M>;
