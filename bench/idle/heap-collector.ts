import { WebSocket } from 'ws';
import type { Clock } from '../../src/lib/clock.ts';
import { freePort } from '../../src/private-processes.ts';

const ASK_MS = 50;
const OPEN_MS_MAX = 10_000;

/**
 * Has a running Node process collect its garbage, from outside: what it keeps can be told from what it has not thrown away yet. The process is
 * started as always but for the port of its inspector, which a SIGUSR1 opens as it does in any Node.
 */
export class HeapCollector {
  private readonly inspector: WebSocket;
  private asked = 0;

  /** To be added to the environment of the process to come. */
  static async settings(): Promise<{ port: number; env: Record<string, string> }> {
    const port = await freePort();
    return { port, env: { NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}` } };
  }

  static async open(pid: number, port: number, clock: Clock): Promise<HeapCollector> {
    process.kill(pid, 'SIGUSR1');
    const untilMs = clock.nowMs() + OPEN_MS_MAX;
    for (;;) {
      const url = await inspectorAt(port);
      if (url !== null) return new HeapCollector(await connect(url));
      if (clock.nowMs() > untilMs) throw new Error('the inspector of the server does not open');
      await new Promise<void>((resolve) => void clock.after(ASK_MS, resolve));
    }
  }

  private constructor(inspector: WebSocket) {
    this.inspector = inspector;
  }

  /** Resolves when all garbage is gone; twice, for what finalizers held on to. */
  async collect(): Promise<void> {
    for (let round = 0; round < 2; round++) await this.ask('HeapProfiler.collectGarbage');
  }

  close(): void {
    this.inspector.terminate();
  }

  private ask(method: string): Promise<void> {
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      this.inspector.once('close', () => reject(new Error('the inspector has gone')));
      this.inspector.on('message', (data: Buffer) => {
        if ((JSON.parse(data.toString()) as { id?: number }).id === id) resolve();
      });
      this.inspector.send(JSON.stringify({ id, method }));
    });
  }
}

/** Null while nobody listens. */
async function inspectorAt(port: number): Promise<string | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
    const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[];
    return target?.webSocketDebuggerUrl ?? null;
  } catch (error) {
    if ((error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED') return null;
    throw error;
  }
}

function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  return new Promise((resolve, reject) => socket.once('open', () => resolve(socket)).once('error', reject));
}
