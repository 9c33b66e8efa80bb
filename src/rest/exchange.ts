import type uWS from 'uWebSockets.js';
import type { Clock, Timer } from '../lib/clock.ts';
import { EXPOSED_HEADERS, PREFLIGHT_HEADERS } from './cors.ts';
import type { StaticFile } from './docs-page.ts';
import type { Problem } from './problem.ts';
import { httpProblem } from './problem.ts';

/** A page may load what the server itself has, and be framed by none; styles are set by Swagger UI's own code too. */
const PAGE_POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:"],
  ...["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');
/** Two years: what browsers ask for before they keep a site on a list of their own. */
const TLS_ONLY = 'strict-transport-security: max-age=63072000; includeSubDomains';

/** Headers of every answer, as bytes that need no turning into some: names and values lie as they go out, one header after the other. */
const FIRST_COMMON = Buffer.from('cache-control');
const commonHeaders = (caching: string, policy: string, isBehindTls: boolean): Buffer =>
  Buffer.from(
    [
      ...[caching, 'x-content-type-options: nosniff', 'referrer-policy: no-referrer'],
      `content-security-policy: ${policy}`,
      ...(isBehindTls ? [TLS_ONLY] : []),
    ].join('\r\n'),
  );
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";
const COMMON = commonHeaders('no-store', API_POLICY, false);
const COMMON_TLS = commonHeaders('no-store', API_POLICY, true);
/** Asked for anew each time, which costs an answer without a body. */
const FILE = commonHeaders('no-cache', PAGE_POLICY, false);
const FILE_TLS = commonHeaders('no-cache', PAGE_POLICY, true);

/** Status lines. */
const STATUSES: Readonly<Record<number, string>> = {
  200: '200 OK',
  201: '201 Created',
  202: '202 Accepted',
  204: '204 No Content',
  304: '304 Not Modified',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  405: '405 Method Not Allowed',
  408: '408 Request Timeout',
  409: '409 Conflict',
  413: '413 Content Too Large',
  415: '415 Unsupported Media Type',
  422: '422 Unprocessable Content',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
};

/** Who is told when an answer has gone out. */
export interface ExchangeWatcher {
  /** Set by the drain: answers close their connection. */
  readonly isDraining: boolean;
  /** Clients come by TLS, which ends at a proxy: browsers are told to come no other way. */
  readonly isBehindTls: boolean;
  /** `status` is 0 when the client went away before the answer. */
  done(operation: string, status: number): void;
}

/**
 * One request's answer: sent at most once, never after the client has gone, corked whenever it comes. Made inside the
 * route handler, which must end with `handlerReturns`; everything that is needed of the request is read there too, since
 * uWebSockets.js takes it back.
 */
export class Exchange {
  private readonly res: uWS.HttpResponse;
  private readonly operation: string;
  private readonly watcher: ExchangeWatcher;
  private readonly allowedOrigin: string | null;
  private isOver = false;
  /** uWebSockets.js has corked the answer itself, and no client can go away. */
  private isInHandler = true;
  private whenOver: (() => void) | null = null;

  /** `allowedOrigin`: whose pages may read the answer, see Cors. */
  constructor(
    res: uWS.HttpResponse,
    operation: string,
    watcher: ExchangeWatcher,
    allowedOrigin: string | null = null,
  ) {
    this.res = res;
    this.allowedOrigin = allowedOrigin;
    this.operation = operation;
    this.watcher = watcher;
  }

  handlerReturns(): void {
    this.isInHandler = false;
    if (!this.isOver) this.res.onAborted(() => this.finish(0));
  }

  /** `body` is JSON, none for 204; bytes are read before this returns. */
  json(status: number, body: string | Uint8Array): void {
    this.end(status, 'application/json', body);
  }

  text(status: number, contentType: string, body: string): void {
    this.end(status, contentType, body);
  }

  /** `has`: the request's If-None-Match. To be called inside the route handler. A slow reader holds no copy of the file. */
  file(file: StaticFile, { has, takesGzip }: { has: string; takesGzip: boolean }): void {
    const { res, watcher } = this;
    const isKnown = has.includes(file.etag);
    const body = takesGzip ? file.gzip : file.bytes;
    res.writeStatus(STATUSES[isKnown ? 304 : 200]!);
    res.writeHeader('content-type', file.contentType);
    res.writeHeader('etag', file.etag);
    res.writeHeader('vary', 'accept-encoding');
    if (takesGzip && !isKnown) res.writeHeader('content-encoding', 'gzip');
    res.writeHeader(FIRST_COMMON, watcher.isBehindTls ? FILE_TLS : FILE);
    if (isKnown) {
      this.finish(304);
      return this.endEmpty(watcher.isDraining);
    }
    const [, isDone] = res.tryEnd(body, body.length);
    if (isDone) return this.finish(200);
    res.onWritable((sent) => {
      const [hasRoom, isNowDone] = res.tryEnd(body.subarray(sent), body.length);
      if (isNowDone) this.finish(200);
      return hasRoom;
    });
  }

  problem(problem: Problem, headers: Readonly<Record<string, string>> = {}): void {
    const extra: Record<string, string> = { ...headers };
    if (problem.status === 401) extra['www-authenticate'] = 'Bearer';
    if (problem.status === 429 || problem.status === 503) extra['retry-after'] ??= '1';
    this.end(problem.status, 'application/problem+json', JSON.stringify(problem), extra);
  }

  /** Tells a browser what a page of the allowed origin may send. To be called inside the route handler. */
  preflight(): void {
    this.finish(204);
    const { res } = this;
    res.writeStatus(STATUSES[204]!);
    this.writeOrigin();
    for (const [name, value] of PREFLIGHT_HEADERS) res.writeHeader(name, value);
    res.endWithoutBody(0, this.watcher.isDraining);
  }

  /**
   * The whole body, at most `bytesMax` of it and within `msMax`; otherwise the request is answered (413, 408) and nothing is
   * handed on. To be called inside the route handler.
   */
  body(
    limits: { bytesMax: number; msMax: number },
    wallClock: Clock,
    take: (body: Uint8Array) => void,
  ): void {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer: Timer = wallClock.after(limits.msMax, () => this.problem(httpProblem('body_too_slow')));
    this.whenOver = () => timer.cancel();
    this.res.onData((chunk, isLast) => {
      if (this.isOver) return;
      size += chunk.byteLength;
      if (size > limits.bytesMax) return this.problem(httpProblem('body_too_large'));
      // A copy: the buffer is taken back when this returns.
      chunks.push(Buffer.from(new Uint8Array(chunk)));
      if (!isLast) return;
      timer.cancel();
      take(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
  }

  private end(
    status: number,
    contentType: string,
    body: string | Uint8Array,
    headers?: Record<string, string>,
  ): void {
    if (this.isOver) return;
    // A refused body may still be under way: its connection cannot carry another request.
    const closes = this.watcher.isDraining || status === 408 || status === 413;
    this.finish(status);
    const send = (): void => {
      const { res } = this;
      // 200 OK is what uWebSockets.js writes unless told otherwise.
      if (status !== 200) res.writeStatus(STATUSES[status] ?? `${status} Error`);
      if (status !== 204) res.writeHeader('content-type', contentType);
      res.writeHeader(FIRST_COMMON, this.watcher.isBehindTls ? COMMON_TLS : COMMON);
      if (this.allowedOrigin !== null) this.writeOrigin();
      for (const name in headers) res.writeHeader(name, headers[name]!);
      if (status === 204) this.endEmpty(closes);
      else res.end(body, closes);
    };
    if (this.isInHandler) send();
    else this.res.cork(send);
  }

  /** Without a length, as 204 and 304 want it. Given `undefined` as one, uWebSockets.js answers nothing, and ends the process when that is in a route handler. */
  private endEmpty(closes: boolean): void {
    if (closes) this.res.endWithoutBody(0, true);
    else this.res.endWithoutBody();
  }

  private writeOrigin(): void {
    this.res.writeHeader('access-control-allow-origin', this.allowedOrigin!);
    this.res.writeHeader('access-control-expose-headers', EXPOSED_HEADERS);
    // The same address answers another origin otherwise.
    this.res.writeHeader('vary', 'origin');
  }

  private finish(status: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.whenOver?.();
    this.watcher.done(this.operation, status);
  }
}
