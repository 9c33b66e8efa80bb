/** The part of autocannon 9 that is used here; the package brings no types. */
declare module 'autocannon' {
  export interface AutocannonRequest {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly method?: 'GET' | 'POST';
    readonly body?: string;
  }
  export interface AutocannonClient {
    setRequests(requests: readonly AutocannonRequest[]): void;
  }
  export interface AutocannonOptions {
    readonly url: string;
    readonly connections: number;
    readonly pipelining: number;
    /** Seconds. */
    readonly duration: number;
    readonly sampleInt: number;
    setupClient(client: AutocannonClient): void;
  }
  export interface AutocannonResult {
    readonly errors: number;
    readonly timeouts: number;
    readonly non2xx: number;
    readonly resets: number;
  }
  export interface AutocannonRun extends PromiseLike<AutocannonResult> {
    on(
      event: 'response',
      listener: (client: unknown, status: number, bytes: number, ms: number) => void,
    ): void;
    stop(): void;
  }
  export default function autocannon(options: AutocannonOptions): AutocannonRun;
}
