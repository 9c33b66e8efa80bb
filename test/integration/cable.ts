import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way to a store, as a wire that can be cut: bytes go through unread. While it is cut, nobody answers at its port. */
export class Cable {
  /** The store's, by way of this cable. */
  readonly url: string;
  private readonly target: URL;
  private readonly port: number;
  private readonly ends = new Set<Socket>();
  private isFrozen = false;
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
      if (this.isFrozen) {
        this.swallow(near);
        return;
      }
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

  private swallow(end: Socket): void {
    this.ends.add(end);
    end.unpipe();
    end.removeAllListeners('data');
    // Read and forgotten: the sender's kernel is told that all arrived.
    end.resume();
    end.on('error', () => end.destroy());
    end.on('close', () => this.ends.delete(end));
  }

  /**
   * From now on the wire swallows what goes in, both ways, and tells nobody: connections stay open, new ones are let in and
   * hear nothing.
   */
  freeze(): void {
    this.isFrozen = true;
    for (const end of this.ends) this.swallow(end);
  }

  /** New connections go through again; what was frozen stays so, as after a path that was lost without a word. */
  thaw(): void {
    this.isFrozen = false;
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
