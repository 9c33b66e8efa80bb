import type { ResumePoint } from '../../gateway/session.ts';
import type { DriverMessage, RiderMessage, ServerMessage } from '../../protocol/messages.ts';
import type { Line, LineEvents } from '../apps/line.ts';
import { contentHash, type HistoryWriter } from './history.ts';

type ClientMessage = DriverMessage | RiderMessage;

export interface RecordedLineOptions {
  readonly history: HistoryWriter;
  /** The account. */
  readonly who: string;
  readonly events: LineEvents;
  /** Makes the line itself. */
  readonly carrier: (events: LineEvents) => Line<ClientMessage>;
}

/** A phone's line that keeps the client's history: connections, commands, answers, what was told. */
export class RecordedLine implements Line<ClientMessage> {
  private readonly options: RecordedLineOptions;
  private readonly carrier: Line<ClientMessage>;
  private connection = 0;
  private url = '';

  constructor(options: RecordedLineOptions) {
    this.options = options;
    const { events } = options;
    this.carrier = options.carrier({
      received: (message) => {
        this.got(message);
        events.received(message);
      },
      closed: (code) => {
        this.note({ k: 'closed', line: this.connection, code });
        events.closed(code);
      },
      heard: () => events.heard(),
    });
  }

  open(resume: ResumePoint | null, url: string | null): void {
    this.url = url ?? '';
    this.connection += 1;
    this.note({ k: 'open', line: this.connection, to: this.url, resume });
    this.carrier.open(resume, url);
  }

  send(message: ClientMessage): void {
    if (message.t !== 'ping' && message.t !== 'pings')
      this.note({
        k: 'sent',
        line: this.connection,
        to: this.url,
        hash: contentHash(message),
        m: message,
      });
    this.carrier.send(message);
  }

  close(): void {
    this.note({ k: 'hangup', line: this.connection });
    this.carrier.close();
  }

  probe(): void {
    this.carrier.probe?.();
  }

  private got(message: ServerMessage): void {
    if (message.t !== 'driver_at') this.note({ k: 'got', line: this.connection, m: message });
  }

  private note(note: Parameters<HistoryWriter['note']>[1]): void {
    this.options.history.note(this.options.who, note);
  }
}
