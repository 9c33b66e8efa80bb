import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way to a store, as a wire that can be cut: bytes go through unread. While it is cut, nobody answers at its port. */
export class Cable {
  /** The store's, by way of this cable. */
  readonly url: string;
  private readonly target: URL;
  private readonly port: number;
  private readonly ends = new Set<Socket>();
  private server: Server;

  static async lay(target: string): Promise<Cable> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    const cable = new Cable(new URL(target), port);
    await cable.mend();
    return cable;
  }

  private constructor(target: URL, port: number) {
    this.target = target;
    this.port = port;
    const url = new URL(target);
    url.host = `127.0.0.1:${port}`;
    this.url = url.href;
    this.server = this.listener();
  }

  private listener(): Server {
    return createServer((near) => {
      const far = connect(Number(this.target.port), this.target.hostname);
      for (const [end, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.ends.add(end);
        end.on('close', () => {
          this.ends.delete(end);
          other.destroy();
        });
        // What a cut does to either end is what this is for.
        end.on('error', () => other.destroy());
      }
      near.pipe(far).pipe(near);
    });
  }

  async mend(): Promise<void> {
    this.server = this.listener();
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async cut(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const end of this.ends) end.destroy();
    await closed;
  }
}
